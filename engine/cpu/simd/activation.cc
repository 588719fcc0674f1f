// The run-time switch from an activation's kind to its vector loop.
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/activation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/simd/activation.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/base/assert.h"
#include "engine/cpu/simd/activation-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

template <Activation kKind>
HWY_NOINLINE void Loop(const ActivationParams& activation, const float* src, float* dst, size_t n) {
  const FloatTag d;
  const FloatVector alpha = hn::Set(d, activation.alpha);
  const FloatVector beta = hn::Set(d, activation.beta);
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(ApplyActivationVector<kKind>(d, hn::LoadU(d, src + i), alpha, beta), d, dst + i);
  if (i < n)
    StorePartial(ApplyActivationVector<kKind>(d, LoadPartial(d, src + i, n - i), alpha, beta), d, dst + i, n - i);
}

void ActivateRunTarget(const ActivationParams& activation, const float* src, float* dst, size_t n) {
  switch (activation.kind) {
#define DECAL_CASE(kind) \
  case Activation::kind: return Loop<Activation::kind>(activation, src, dst, n)
    DECAL_CASE(kAbs);
    DECAL_CASE(kNeg);
    DECAL_CASE(kSqrt);
    DECAL_CASE(kExp);
    DECAL_CASE(kLog);
    DECAL_CASE(kReciprocal);
    DECAL_CASE(kFloor);
    DECAL_CASE(kCeil);
    DECAL_CASE(kRound);
    DECAL_CASE(kErf);
    DECAL_CASE(kTanh);
    DECAL_CASE(kSigmoid);
    DECAL_CASE(kRelu);
    DECAL_CASE(kLeakyRelu);
    DECAL_CASE(kElu);
    DECAL_CASE(kHardSigmoid);
    DECAL_CASE(kHardSwish);
    DECAL_CASE(kSoftplus);
    DECAL_CASE(kGelu);
    DECAL_CASE(kGeluTanh);
    DECAL_CASE(kSign);
    DECAL_CASE(kClip);
#undef DECAL_CASE
    case Activation::kNot: return;
  }
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal::cpu {

HWY_EXPORT(ActivateRunTarget);

void ActivateRun(const ActivationParams& activation, const float* src, float* dst, size_t n) {
  DECAL_DASSERT(activation.kind != Activation::kNot);
  DECAL_DASSERT(SameOrDisjoint<float>(src, dst, n));
  HWY_DYNAMIC_DISPATCH(ActivateRunTarget)(activation, src, dst, n);
}

}  // namespace decal::cpu
#endif  // HWY_ONCE
