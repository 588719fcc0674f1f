# Test files of the operators and of the SIMD layer below them, relative to this folder; append only.
set(ops_tests)
list(APPEND ops_tests ../cpu/activation_test.cc)
