# CPU kernels, relative to this folder; see each file's first line.
# SPDX-License-Identifier: MIT
set(cpu_sources kernel.cc epilogue_cpu.cc map_reduction.cc indirect_conv_kernel.cc
  movement/movement_cpu.cc movement/strided_cpu.cc movement/depth_space_cpu.cc
  elementwise/elementwise_cpu.cc pool/pool_cpu.cc resize/resize_cpu.cc norm/norm_cpu.cc reduce/reduce_cpu.cc
  conv/conv_cpu.cc winograd/winograd_cpu.cc deform_conv/deform_conv_cpu.cc
  attention/attention_cpu.cc attention/windows_cpu.cc matmul/matmul_cpu.cc quant/quant_cpu.cc)

# Highway blocks, relative to simd/ and winograd/: Highway compiles them once for each instruction set.
set(simd_sources activation.cc strided_copy.cc simd_target.cc indirect_conv.cc indirect_conv_plan.cc depthwise.cc
  elementwise.cc pool.cc statistics.cc moments.cc resize.cc norm.cc deform_sample.cc round_to_grid.cc attention.cc upsampling_conv.cc)
set(winograd_sources winograd.cc winograd_plan.cc)
set_source_files_properties("${PROJECT_SOURCE_DIR}/engine/cpu/simd/simd_target.cc" PROPERTIES
  COMPILE_DEFINITIONS "DECAL_VERSION=\"${PROJECT_VERSION}\"")
