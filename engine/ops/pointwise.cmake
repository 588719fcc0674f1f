# Elementwise, pooling, resizing, normalisation and reduction.
list(APPEND ops_sources map_reduction.cc
  elementwise/elementwise_shape.cc elementwise/elementwise_reference.cc elementwise/elementwise_cpu.cc
  pool/pool_shape.cc pool/pool_reference.cc pool/pool_cpu.cc
  grid_sample/grid_sample.cc
  resize/resize_taps.cc resize/resize_shape.cc resize/resize_reference.cc resize/resize_cpu.cc
  norm/norm_shape.cc norm/norm_reference.cc norm/norm_cpu.cc
  reduce/reduce_shape.cc reduce/reduce_reference.cc reduce/reduce_cpu.cc)
