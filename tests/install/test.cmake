# The install test: installs this build into a folder of its own and builds and runs the consumer project against it.
# SPDX-License-Identifier: MIT
if(DECAL_SANITIZE OR CMAKE_CROSSCOMPILING)
  return()  # the consumer would have to know the sanitizers, or the toolchain
endif()
set(install_prefix "${PROJECT_BINARY_DIR}/install-test/prefix")
add_test(NAME install.files
  COMMAND "${CMAKE_COMMAND}" --install "${PROJECT_BINARY_DIR}" --prefix "${install_prefix}")
add_test(NAME install.consumer
  COMMAND "${CMAKE_CTEST_COMMAND}" --build-and-test "${PROJECT_SOURCE_DIR}/tests/install"
    "${PROJECT_BINARY_DIR}/install-test/build" --build-generator "${CMAKE_GENERATOR}"
    --build-options "-DCMAKE_PREFIX_PATH=${install_prefix}" "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}"
    --test-command consumer)
set_tests_properties(install.files PROPERTIES FIXTURES_SETUP installed)
set_tests_properties(install.consumer PROPERTIES FIXTURES_REQUIRED installed)
if(DECAL_CLI)
  add_test(NAME install.command COMMAND "${install_prefix}/bin/decal" --version)
  set_tests_properties(install.command PROPERTIES FIXTURES_REQUIRED installed PASS_REGULAR_EXPRESSION "decal ${PROJECT_VERSION}")
endif()
