# Operator families: shape rule, scalar reference and CPU kernel of each.
set(ops_sources kernel.cc any_element.cc ops.cc
  movement/movement_shape.cc movement/movement_reference.cc movement/movement_cpu.cc movement/strided.cc
  movement/depth_space.cc
  indexing/nd.cc indexing/elements.cc indexing/select.cc indexing/cumsum.cc indexing/einsum.cc shape/shape_ops.cc)
include(${CMAKE_CURRENT_LIST_DIR}/products.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/pointwise.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/gpu.cmake)
