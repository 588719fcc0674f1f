# What the WebAssembly build needs beyond the toolchain file: header links and flags for shared memory.
# /usr/include must stay off the include path (it is glibc's), so Highway alone is linked into the build tree.
# SPDX-License-Identifier: MIT
set(wasm_include "${CMAKE_BINARY_DIR}/include")
file(MAKE_DIRECTORY "${wasm_include}")
file(CREATE_LINK /usr/include/hwy "${wasm_include}/hwy" SYMBOLIC)
add_library(decal_hwy INTERFACE)
target_include_directories(decal_hwy INTERFACE "${wasm_include}")
target_compile_options(decal_hwy INTERFACE -Wno-unused-function)

add_compile_options(-Wno-deprecated -msimd128 -matomics -mbulk-memory -mnontrapping-fptoint -msign-ext)

# Binaryen's optimiser takes a fifth off what the linker leaves and makes BiRefNet 5 % faster. Only the features that
# the two modules use are named: a newer encoding would be refused by the engines we support. Functions and globals in the
# order of their use get shorter indices: 2.6 kB.
find_program(DECAL_WASM_OPT wasm-opt PATHS "${PROJECT_SOURCE_DIR}/node_modules/.bin" NO_DEFAULT_PATH)
# decal_optimize_module(<target> <simd>): `simd128` or `relaxed`
function(decal_optimize_module target simd)
  if(NOT DECAL_WASM_OPT)
    message(FATAL_ERROR "wasm-opt is missing: npm ci installs it")
  endif()
  set(features --enable-simd --enable-threads --enable-bulk-memory --enable-bulk-memory-opt
               --enable-nontrapping-float-to-int --enable-sign-ext --enable-mutable-globals)
  if(simd STREQUAL "relaxed")
    list(APPEND features --enable-relaxed-simd)
  endif()
  # Again: 0.6 kB off the engine's modules, which are the largest, for 5 s each.
  set(again "")
  if(target MATCHES "^decal_(simd128|relaxed)_module$")
    set(again -Oz)
  endif()
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND "${DECAL_WASM_OPT}" --mvp-features ${features} -Oz ${again} --reorder-functions --reorder-globals "$<TARGET_FILE:${target}>" -o "$<TARGET_FILE:${target}>"
    VERBATIM)
endfunction()
