// The vector loop of quantisation: divided, as the definition does, because a product would move ties.
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/round_to_grid.h"

#include "engine/base/assert.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/simd/round_to_grid.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/cpu/simd/simd-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

void RoundRunTarget(const Grid& grid, const float* x, float* y, size_t n) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  const FloatVector scale = hn::Set(d, grid.scale), step = hn::Set(d, grid.step);
  const FloatVector low = hn::Set(d, grid.low), high = hn::Set(d, grid.high);
  const auto round = [&](FloatVector v)
                         HWY_ATTR { return hn::Mul(hn::Round(AtMost(AtLeast(hn::Div(v, scale), low), high)), step); };
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(round(hn::LoadU(d, x + i)), d, y + i);
  if (i < n) StorePartial(round(LoadPartial(d, x + i, n - i)), d, y + i, n - i);
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal::cpu {

HWY_EXPORT(RoundRunTarget);

void RoundRun(const Grid& grid, const float* x, float* y, size_t n) {
  DECAL_DASSERT(SameOrDisjoint<float>(x, y, n));
  DECAL_DASSERT(grid.scale != 0 && grid.low <= grid.high);
  HWY_DYNAMIC_DISPATCH(RoundRunTarget)(grid, x, y, n);
}

}  // namespace decal::cpu
#endif  // HWY_ONCE
