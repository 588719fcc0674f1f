// What this build of the library is and what it chose to run on.
#pragma once

namespace decal {

// "0.1.0".
const char* Version();

// The instruction set the kernels use on this machine: Highway's name of it ("SSE4", "AVX2", "AVX3", "NEON"), or
// "wasm-simd128" and "wasm-relaxed" in WebAssembly builds.
const char* SimdTarget();

}  // namespace decal
