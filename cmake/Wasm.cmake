# What the WebAssembly build needs beyond the toolchain file: header links and flags for shared memory.
# /usr/include must stay off the include path (it is glibc's), so Highway alone is linked into the build tree.
set(wasm_include "${CMAKE_BINARY_DIR}/include")
file(MAKE_DIRECTORY "${wasm_include}")
file(CREATE_LINK /usr/include/hwy "${wasm_include}/hwy" SYMBOLIC)
add_library(decal_hwy INTERFACE)
target_include_directories(decal_hwy INTERFACE "${wasm_include}")
target_compile_options(decal_hwy INTERFACE -Wno-unused-function)

option(DECAL_RELAXED_SIMD "Fused multiply-add through relaxed SIMD" OFF)
add_compile_options(-Wno-deprecated -msimd128 -matomics -mbulk-memory -mnontrapping-fptoint -msign-ext)
if(DECAL_RELAXED_SIMD)
  add_compile_options(-mrelaxed-simd)
endif()
