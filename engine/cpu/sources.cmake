# SIMD building blocks; see each file's first line.
set(cpu_sources)
list(APPEND cpu_sources activation.cc)
list(APPEND cpu_sources strided_copy.cc)
