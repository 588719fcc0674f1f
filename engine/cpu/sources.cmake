# SIMD building blocks; see each file's first line.
set(cpu_sources)
