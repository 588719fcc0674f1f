// The library's version, and the instruction set it uses on this machine.
// SPDX-License-Identifier: MIT
#pragma once

namespace decal {

// "0.1.0".
const char* Version();

// The instruction set that the kernels use on this machine, by Highway's name ("SSE4", "AVX2", "AVX3", "NEON"), or
// "wasm-simd128" and "wasm-relaxed" in WebAssembly builds.
const char* SimdTarget();

}  // namespace decal
