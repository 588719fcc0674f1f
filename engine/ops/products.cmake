# Convolution and matrix products.
list(APPEND ops_sources)
