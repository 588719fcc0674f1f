# Tests of the layers above the operators, relative to this folder.
# SPDX-License-Identifier: MIT
set(engine_tests gpu/plan_test.cc onnx/importer_test.cc onnx/external_data_test.cc
  passes/passes_test.cc passes/index_map_test.cc passes/compose_movement_test.cc passes/fuse_windows_test.cc
  passes/fuse_norms_test.cc passes/fuse_instance_norms_test.cc passes/fuse_activations_test.cc
  passes/fuse_attention_test.cc passes/fuse_deform_conv_test.cc passes/hoist_shrinking_test.cc
  passes/sink_resize_test.cc passes/fold_batch_norm_test.cc
  passes/lower_quantized_test.cc passes/widen_half_test.cc passes/float_border_test.cc
  base/memory_plan_test.cc base/result_test.cc base/thread_pool_test.cc plan/storage_test.cc
  runtime/session_test.cc runtime/weights_test.cc runtime/random_graph_test.cc)
