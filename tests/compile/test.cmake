# What must not compile, and beside it what must: an operator without traits, traits without a fact.
# SPDX-License-Identifier: MIT
foreach(case 0 1 2)
  add_test(NAME decal_op_traits.${case} COMMAND "${CMAKE_CXX_COMPILER}" -std=c++23 -fsyntax-only -fno-exceptions
    "-DDECAL_CASE=${case}" "-I${PROJECT_SOURCE_DIR}" "-I${PROJECT_SOURCE_DIR}/include" "-I${DECAL_BORDER_INCLUDE}"
    "${PROJECT_SOURCE_DIR}/tests/compile/op_traits.cc")
endforeach()
set_tests_properties(decal_op_traits.1 decal_op_traits.2 PROPERTIES WILL_FAIL ON)
