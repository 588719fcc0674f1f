# CPU kernels and WebGPU kernels of the operator families.
set(kernels_sources kernel.cc epilogue_cpu.cc map_reduction.cc indirect_conv_kernel.cc
  movement/movement_cpu.cc movement/strided_cpu.cc movement/depth_space_cpu.cc
  elementwise/elementwise_cpu.cc pool/pool_cpu.cc resize/resize_cpu.cc norm/norm_cpu.cc reduce/reduce_cpu.cc
  conv/conv_cpu.cc conv/winograd_cpu.cc deform_conv/deform_conv_cpu.cc attention/attention_cpu.cc attention/windows_cpu.cc
  matmul/matmul_cpu.cc quant/quant_cpu.cc)
include(${CMAKE_CURRENT_LIST_DIR}/gpu.cmake)
