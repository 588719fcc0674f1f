# Operator families: attributes, traits, shape rule and scalar reference of each.
# SPDX-License-Identifier: MIT
set(ops_sources shape_rule.cc any_element.cc epilogue.cc
  movement/movement_shape.cc movement/movement_reference.cc movement/strided.cc movement/depth_space.cc
  indexing/nd.cc indexing/elements.cc indexing/combine.cc indexing/select.cc indexing/cumsum.cc indexing/einsum.cc
  shape/shape_ops.cc
  elementwise/names.cc elementwise/elementwise_shape.cc elementwise/elementwise_reference.cc
  pool/pool_shape.cc pool/pool_reference.cc grid_sample/grid_sample.cc
  resize/resize_taps.cc resize/resize_shape.cc resize/resize_reference.cc
  norm/norm_shape.cc norm/norm_reference.cc reduce/reduce_shape.cc reduce/reduce_reference.cc
  conv/conv_shape.cc conv/conv_reference.cc deform_conv/deform_conv_shape.cc deform_conv/deform_conv_reference.cc
  attention/attention.cc attention/windows.cc
  matmul/matmul_shape.cc matmul/matmul_reference.cc matmul/matrix_rows.cc quant/quant_shape.cc quant/quant_reference.cc)
