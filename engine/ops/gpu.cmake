# WebGPU kernels of the operator families, and their shaders (paths from the root of the sources).
list(APPEND kernels_sources gpu.cc activation_gpu.cc product_gpu.cc nest_gpu.cc map_gpu.cc reduction_gpu.cc
  conv/conv_gpu.cc conv/conv_parts_gpu.cc conv/depthwise_gpu.cc conv/winograd_gpu.cc deform_conv/deform_conv_gpu.cc
  matmul/matmul_gpu.cc attention/attention_gpu.cc attention/windows_gpu.cc
  movement/movement_gpu.cc movement/rearrange_gpu.cc elementwise/elementwise_gpu.cc
  pool/pool_gpu.cc resize/resize_gpu.cc norm/norm_gpu.cc reduce/reduce_gpu.cc grid_sample/grid_sample_gpu.cc)
set(kernels_shaders engine/ops/activation.wgsl engine/ops/epilogue.wgsl engine/ops/product.wgsl engine/ops/nest.wgsl
  engine/ops/conv/gather.wgsl engine/ops/matmul/gather_rows.wgsl
  engine/ops/conv/depthwise.wgsl engine/ops/conv/winograd.wgsl engine/ops/deform_conv/sample.wgsl
  engine/ops/attention/attention.wgsl engine/ops/attention/windows.wgsl
  engine/ops/reduction.wgsl engine/ops/map.wgsl engine/ops/pool/pool.wgsl engine/ops/resize/resize.wgsl
  engine/ops/grid_sample/grid_sample.wgsl)
