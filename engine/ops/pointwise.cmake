# Elementwise, pooling, resizing, normalisation and reduction.
list(APPEND ops_sources)
