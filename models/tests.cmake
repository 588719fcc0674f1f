# Test files of the model registry, relative to models/.
set(models_tests registry_test.cc)
