# Test files of the operators and of the SIMD layer below them, relative to this folder; append only.
# SPDX-License-Identifier: MIT
set(ops_tests)
list(APPEND ops_tests ../cpu/simd/activation_test.cc ../cpu/simd/indirect_conv_plan_test.cc ../cpu/winograd/winograd_test.cc)
list(APPEND ops_tests movement/movement_test.cc)
list(APPEND ops_tests conv/conv_test.cc deform_conv/deform_conv_test.cc)
list(APPEND ops_tests elementwise/elementwise_test.cc pool/pool_test.cc resize/resize_test.cc norm/norm_test.cc
  reduce/reduce_test.cc grid_sample/grid_sample_test.cc indexing/indexing_test.cc)
list(APPEND ops_tests matmul/matmul_test.cc)
list(APPEND ops_tests attention/attention_test.cc)
list(APPEND ops_tests quant/quant_test.cc)
list(APPEND ops_tests ../cpu/kernel_test.cc)
