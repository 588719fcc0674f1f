// What Highway 1.0.3 lacks for us: fused multiply-add on relaxed wasm, safe partial vectors, NaN-keeping limits.
// SPDX-License-Identifier: MIT
#if defined(DECAL_ENGINE_CPU_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DECAL_ENGINE_CPU_SIMD_INL_H_
#undef DECAL_ENGINE_CPU_SIMD_INL_H_
#else
#define DECAL_ENGINE_CPU_SIMD_INL_H_
#endif

#include <cstddef>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using FloatVector = hn::Vec<FloatTag>;

// a * b + c, fused wherever the target can; Highway's wasm version never is. Not called MulAdd: Highway's own is more
// specialised and would be found through its arguments.
template <class V>
HWY_INLINE V FusedMulAdd(V a, V b, V c) {
#if HWY_TARGET == HWY_WASM && defined(__wasm_relaxed_simd__)
  return V{wasm_f32x4_relaxed_madd(a.raw, b.raw, c.raw)};
#else
  return hn::MulAdd(a, b, c);
#endif
}

// x < limit ? limit : x, so a NaN in x stays. (Of NaN and a number, x86 max returns the second, Highway's NEON max the number.)
template <class V>
HWY_INLINE V AtLeast(V x, V limit) {
#if HWY_TARGET == HWY_WASM
  return V{wasm_f32x4_pmax(x.raw, limit.raw)};  // one instruction on x86, where f32x4.max takes seven
#elif HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_NEON
  return hn::IfThenElse(hn::Lt(x, limit), limit, x);
#else
  return hn::Max(limit, x);
#endif
}

// x > limit ? limit : x, so a NaN in x stays.
template <class V>
HWY_INLINE V AtMost(V x, V limit) {
#if HWY_TARGET == HWY_WASM
  return V{wasm_f32x4_pmin(x.raw, limit.raw)};
#elif HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_NEON
  return hn::IfThenElse(hn::Gt(x, limit), limit, x);
#else
  return hn::Min(limit, x);
#endif
}

// Highway's masked accesses touch whole vectors except on AVX2 and better, where the hardware masks.
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
#define DECAL_HARDWARE_MASKS 1
#else
#define DECAL_HARDWARE_MASKS 0
#endif

// The first n floats (n at most a vector) of `from`, zeros after them; reads nothing beyond.
template <class D>
HWY_INLINE hn::Vec<D> LoadPartial(D d, const float* HWY_RESTRICT from, size_t n) {
#if DECAL_HARDWARE_MASKS
  return hn::MaskedLoad(hn::FirstN(d, n), d, from);
#else
  HWY_ALIGN float lanes[hn::MaxLanes(D())] = {};
  for (size_t i = 0; i < n; ++i) lanes[i] = from[i];
  return hn::Load(d, lanes);
#endif
}

// Writes the first n floats (n at most a vector) and touches nothing beyond.
template <class D>
HWY_INLINE void StorePartial(hn::Vec<D> v, D d, float* HWY_RESTRICT to, size_t n) {
#if DECAL_HARDWARE_MASKS
  hn::BlendedStore(v, hn::FirstN(d, n), d, to);
#else
  HWY_ALIGN float lanes[hn::MaxLanes(D())];
  hn::Store(v, d, lanes);
  for (size_t i = 0; i < n; ++i) to[i] = lanes[i];
#endif
}

#undef DECAL_HARDWARE_MASKS

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // DECAL_ENGINE_CPU_SIMD_INL_H_
