// Vector forms of all activations, for kernels that keep their values in registers.
// SPDX-License-Identifier: MIT
#if defined(DECAL_ENGINE_CPU_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DECAL_ENGINE_CPU_ACTIVATION_INL_H_
#undef DECAL_ENGINE_CPU_ACTIVATION_INL_H_
#else
#define DECAL_ENGINE_CPU_ACTIVATION_INL_H_
#endif

#include <limits>

#include "engine/cpu/simd/activation.h"
#include "engine/cpu/simd/simd-inl.h"
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

// x within [low, high], and `low` for NaN: Highway's exponentials convert to integers, which must be in range.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Bounded(D d, V x, float low, float high) {
  const V lower = hn::Set(d, low);
  return AtMost(hn::IfThenElse(hn::Gt(x, lower), x, lower), hn::Set(d, high));
}

// e^x for every float.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V VectorExp(D d, V x) {
  // e^-104 rounds to 0 and e^104 to infinity.
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(d, Bounded(d, x, -104.0f, 104.0f)));
}

// Hyperbolic tangent for every float.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V VectorTanh(D d, V x) {
  // tanh(20) rounds to 1.
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Tanh(d, Bounded(d, x, -20.0f, 20.0f)));
}

// Natural logarithm for every float: Highway's is valid for finite positive ones.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V VectorLog(D d, V x) {
  const V infinity = hn::Set(d, std::numeric_limits<float>::infinity());
  const V nan = hn::Set(d, std::numeric_limits<float>::quiet_NaN());
  V y = hn::Log(d, x);
  y = hn::IfThenElse(hn::Gt(x, hn::Zero(d)), y, nan);
  y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(infinity), y);
  return hn::IfThenElse(hn::Eq(x, infinity), x, y);
}

// Error function: the odd rational minimax approximation of degree 13 over 8 known from Eigen and XLA.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V VectorErf(D d, V x) {
  // erf(4) rounds to 1.
  const V t = AtMost(AtLeast(x, hn::Set(d, -4.0f)), hn::Set(d, 4.0f));
  const V t2 = hn::Mul(t, t);
  V p = hn::Set(d, -2.72614225801306e-10f);
  p = FusedMulAdd(p, t2, hn::Set(d, 2.77068142495902e-08f));
  p = FusedMulAdd(p, t2, hn::Set(d, -2.10102402082508e-06f));
  p = FusedMulAdd(p, t2, hn::Set(d, -5.69250639462346e-05f));
  p = FusedMulAdd(p, t2, hn::Set(d, -7.34990630326855e-04f));
  p = FusedMulAdd(p, t2, hn::Set(d, -2.95459980854025e-03f));
  p = FusedMulAdd(p, t2, hn::Set(d, -1.60960333262415e-02f));
  V q = hn::Set(d, -1.45660718464996e-05f);
  q = FusedMulAdd(q, t2, hn::Set(d, -2.13374055278905e-04f));
  q = FusedMulAdd(q, t2, hn::Set(d, -1.68282697438203e-03f));
  q = FusedMulAdd(q, t2, hn::Set(d, -7.37332916720468e-03f));
  q = FusedMulAdd(q, t2, hn::Set(d, -1.42647390514189e-02f));
  return hn::Div(hn::Mul(t, p), q);
}

template <Activation kKind, class D, class V = hn::Vec<D>>
HWY_INLINE V ApplyActivationVector(D d, V x, V alpha, V beta) {
  const V zero = hn::Zero(d);
  const V one = hn::Set(d, 1.0f);
  if constexpr (kKind == Activation::kAbs) return hn::Abs(x);
  if constexpr (kKind == Activation::kNeg) return hn::Neg(x);
  if constexpr (kKind == Activation::kSqrt) return hn::Sqrt(x);
  if constexpr (kKind == Activation::kExp) return VectorExp(d, x);
  if constexpr (kKind == Activation::kLog) return VectorLog(d, x);
  if constexpr (kKind == Activation::kReciprocal) return hn::Div(one, x);
  if constexpr (kKind == Activation::kFloor) return hn::Floor(x);
  if constexpr (kKind == Activation::kCeil) return hn::Ceil(x);
  if constexpr (kKind == Activation::kRound) return hn::Round(x);
  if constexpr (kKind == Activation::kErf) return VectorErf(d, x);
  if constexpr (kKind == Activation::kTanh) return VectorTanh(d, x);
  if constexpr (kKind == Activation::kSigmoid) return hn::Div(one, hn::Add(one, VectorExp(d, hn::Neg(x))));
  if constexpr (kKind == Activation::kRelu) return AtLeast(x, zero);
  if constexpr (kKind == Activation::kLeakyRelu) return hn::IfThenElse(hn::Lt(x, zero), hn::Mul(alpha, x), x);
  if constexpr (kKind == Activation::kElu) {
    const V negative = hn::Expm1(d, Bounded(d, x, -104.0f, 0.0f));
    return hn::IfThenElse(hn::Lt(x, zero), hn::Mul(alpha, negative), x);
  }
  if constexpr (kKind == Activation::kHardSigmoid) return AtMost(AtLeast(FusedMulAdd(alpha, x, beta), zero), one);
  if constexpr (kKind == Activation::kHardSwish) {
    const V gate = FusedMulAdd(x, hn::Set(d, 1.0f / 6.0f), hn::Set(d, 0.5f));
    return hn::Mul(x, AtMost(AtLeast(gate, zero), one));
  }
  if constexpr (kKind == Activation::kSoftplus)
    return hn::Add(AtLeast(x, zero), hn::Log1p(d, VectorExp(d, hn::Neg(hn::Abs(x)))));
  if constexpr (kKind == Activation::kGelu) {
    const V half_x = hn::Mul(x, hn::Set(d, 0.5f));
    return FusedMulAdd(half_x, VectorErf(d, hn::Mul(x, hn::Set(d, 0.70710678f))), half_x);
  }
  if constexpr (kKind == Activation::kGeluTanh) {
    const V half_x = hn::Mul(x, hn::Set(d, 0.5f));
    const V cubic = FusedMulAdd(hn::Mul(hn::Mul(x, x), x), hn::Set(d, 0.044715f), x);
    return FusedMulAdd(half_x, VectorTanh(d, hn::Mul(cubic, hn::Set(d, 0.7978845608f))), half_x);
  }
  if constexpr (kKind == Activation::kSign) {
    const V positive = hn::IfThenElse(hn::Gt(x, zero), one, x);  // zeros and NaN stay
    return hn::IfThenElse(hn::Lt(x, zero), hn::Neg(one), positive);
  }
  if constexpr (kKind == Activation::kClip) return AtMost(AtLeast(x, alpha), beta);
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // DECAL_ENGINE_CPU_ACTIVATION_INL_H_
