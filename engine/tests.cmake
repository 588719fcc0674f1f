# Tests of the layers above the operators, relative to this folder.
set(engine_tests onnx/importer_test.cc
  passes/passes_test.cc passes/index_map_test.cc passes/compose_movement_test.cc passes/fuse_windows_test.cc
  passes/lower_quantized_test.cc passes/widen_half_test.cc
  plan/memory_plan_test.cc plan/storage_test.cc runtime/session_test.cc runtime/random_graph_test.cc)
