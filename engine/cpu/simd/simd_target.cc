// The version of the library and the name of the SIMD target its kernels run on.
// SPDX-License-Identifier: MIT
#include "decal/version.h"

#ifndef __wasm__
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/simd/simd_target.cc"
#include "hwy/foreach_target.h"
// foreach_target.h must come first.
#include "hwy/highway.h"

// Asked of a dispatched function, so that the answer is what the kernels get, including disabled targets.
HWY_BEFORE_NAMESPACE();
namespace decal::HWY_NAMESPACE {
const char* CompiledTarget() { return hwy::TargetName(HWY_TARGET); }
}  // namespace decal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if defined(__wasm__) || HWY_ONCE
namespace decal {

const char* Version() { return DECAL_VERSION; }

#if defined(__wasm_relaxed_simd__)
const char* SimdTarget() { return "wasm-relaxed"; }
#elif defined(__wasm__)
const char* SimdTarget() { return "wasm-simd128"; }
#else
HWY_EXPORT(CompiledTarget);
const char* SimdTarget() { return HWY_DYNAMIC_DISPATCH(CompiledTarget)(); }
#endif

}  // namespace decal
#endif
