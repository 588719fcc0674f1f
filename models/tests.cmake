# Test files of the model registry, relative to models/.
# SPDX-License-Identifier: MIT
set(models_tests registry_test.cc)
