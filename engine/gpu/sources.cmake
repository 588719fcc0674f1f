# WebGPU plans, the templates that write kernels and the families' kernels, relative to this folder; and their shaders.
# SPDX-License-Identifier: MIT
set(gpu_sources kernel_text.cc plan_builder.cc choose.cc cost.cc plan.cc request.cc
  templates/activation.cc templates/product.cc templates/nest.cc templates/map.cc templates/reduction.cc
  conv/conv_gpu.cc conv/conv_parts_gpu.cc conv/depthwise_gpu.cc conv/winograd_gpu.cc deform_conv/deform_conv_gpu.cc
  matmul/matmul_gpu.cc attention/attention_gpu.cc attention/windows_gpu.cc
  movement/movement_gpu.cc movement/rearrange_gpu.cc elementwise/elementwise_gpu.cc
  pool/pool_gpu.cc resize/resize_gpu.cc norm/norm_gpu.cc reduce/reduce_gpu.cc grid_sample/grid_sample_gpu.cc)
set(gpu_shaders templates/activation.wgsl templates/epilogue.wgsl templates/product.wgsl templates/nest.wgsl
  templates/reduction.wgsl templates/join_tree.wgsl templates/join_subgroups.wgsl templates/map.wgsl conv/gather.wgsl conv/depthwise.wgsl conv/winograd.wgsl
  matmul/gather_rows.wgsl deform_conv/sample.wgsl attention/attention.wgsl attention/windows.wgsl pool/pool.wgsl
  resize/resize.wgsl grid_sample/grid_sample.wgsl)
list(TRANSFORM gpu_shaders PREPEND engine/gpu/)
