# One object library per layer. A layer sees the headers of the layers it names and no others: each gets
# an include root in the build tree that holds a link to its own folder only, so a forbidden include does
# not compile.
# SPDX-License-Identifier: MIT
set(DECAL_LAYER_ROOT "${CMAKE_BINARY_DIR}/layers")

# Sources compiled as one: enough to parse common headers rarely, few enough that two cores end together. (`passes` in one piece
# takes 10 s where its files alone take 57.)
set(DECAL_UNITY_BATCH 12)

# decal_unity(<target>): where DECAL_UNITY asks for it. Files that Highway compiles once for each instruction set stay alone.
function(decal_unity target)
  if(NOT DECAL_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${DECAL_UNITY_BATCH})
  if(NOT DECAL_WASM AND NOT DECAL_SIMD)
    get_target_property(libraries ${target} LINK_LIBRARIES)
    if("decal_hwy" IN_LIST libraries)
      set_target_properties(${target} PROPERTIES UNITY_BUILD OFF)
    endif()
  endif()
endfunction()

# Headers of the standard library that most sources include. Precompiled, they halve the time of a source (ten of the engine's without
# Highway: 14.0 s of processor time before, 7.6 s after). This hides a missing include of these headers, and of no others: the presets
# `lint` and `gcc`, which precompile nothing, find it.
set(DECAL_COMMON_HEADERS <algorithm> <array> <atomic> <bit> <cmath> <cstddef> <cstdint> <cstring> <functional> <limits> <map> <memory>
  <numeric> <optional> <set> <span> <string> <string_view> <tuple> <type_traits> <utility> <variant> <vector>)

# decal_precompile(<target> <first>): the headers precompiled for <first>, which has the same options; or for itself.
function(decal_precompile target first)
  if(DECAL_WASM OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    return()
  endif()
  if(target STREQUAL first)
    target_precompile_headers(${target} PRIVATE ${DECAL_COMMON_HEADERS})
  else()
    target_precompile_headers(${target} REUSE_FROM ${first})
  endif()
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")  # for compiler caches
endfunction()

# decal_precompile_more(<target> <headers>...): these, too, in the headers that the target precompiles for itself.
function(decal_precompile_more target)
  if(NOT DECAL_WASM AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# What -fsanitize=fuzzer-no-link does, for the layers that fuzz targets look for new paths in: import, passes, plans and what sets up
# kernels. Highway's blocks, the picture work, the command and the tests are sanitised without it: counting their edges leads no fuzzer
# anywhere, and a call for every comparison is dear in loops over pixels.
set(DECAL_FUZZ_COVERAGE -fsanitize-coverage=inline-8bit-counters,indirect-calls,trace-cmp,pc-table,stack-depth
  -fno-builtin-bcmp -fno-builtin-memcmp)

# decal_layer(<name> <folder> [APART] SOURCES <files>... DEPENDS <layers>... LIBRARIES <targets>...)
# APART: not in the library; who needs it links it by name.
# For WebAssembly what uses Highway is compiled twice, the second time with relaxed SIMD, as decal_<name>_relaxed.
function(decal_layer name folder)
  cmake_parse_arguments(ARG "APART" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  list(TRANSFORM ARG_SOURCES PREPEND "${PROJECT_SOURCE_DIR}/${folder}/")
  set(root "${DECAL_LAYER_ROOT}/${name}")
  get_filename_component(parent "${root}/${folder}" DIRECTORY)
  file(MAKE_DIRECTORY "${parent}")
  file(CREATE_LINK "${PROJECT_SOURCE_DIR}/${folder}" "${root}/${folder}" SYMBOLIC)
  set(targets decal_${name})
  if(DECAL_WASM AND "decal_hwy" IN_LIST ARG_LIBRARIES)
    list(APPEND targets decal_${name}_relaxed)
  endif()
  foreach(target ${targets})
    add_library(${target} OBJECT ${ARG_SOURCES})
    target_include_directories(${target} PUBLIC "${root}" "${PROJECT_SOURCE_DIR}/include")
    target_link_libraries(${target} PRIVATE decal_flags ${ARG_LIBRARIES})
    decal_unity(${target})
    if(DECAL_FUZZ AND NOT "decal_hwy" IN_LIST ARG_LIBRARIES)
      target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${DECAL_FUZZ_COVERAGE}>")
    endif()
    if(NOT "decal_hwy" IN_LIST ARG_LIBRARIES OR NOT DECAL_SIMD)  # otherwise their instruction set differs
      decal_precompile(${target} decal_base)
    endif()
    foreach(dependency ${ARG_DEPENDS})
      get_target_property(directories decal_${dependency} INTERFACE_INCLUDE_DIRECTORIES)
      target_include_directories(${target} PUBLIC ${directories})
    endforeach()
  endforeach()
  if(TARGET decal_${name}_relaxed)
    target_compile_options(decal_${name}_relaxed PRIVATE -mrelaxed-simd)
  endif()
  if(NOT ARG_APART)
    set_property(GLOBAL APPEND PROPERTY DECAL_LAYERS ${name})
  endif()
endfunction()

# decal_link_layers(<target> <simd> <layers>...): their objects; <simd> is `relaxed` for those with relaxed SIMD if there are two.
function(decal_link_layers target simd)
  foreach(name ${ARGN})
    if(simd STREQUAL "relaxed" AND TARGET decal_${name}_relaxed)
      string(APPEND name "_relaxed")
    endif()
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:decal_${name}>)
  endforeach()
endfunction()
