// Bilinear samples, vectorised over channels.
#include "engine/cpu/bilinear.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/bilinear.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/cpu/simd-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

HWY_NOINLINE void RunBilinearTarget(const BilinearSample& sample, float* HWY_RESTRICT out, size_t channels) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  FloatVector weight[4];
  for (size_t i = 0; i < 4; ++i) weight[i] = hn::Set(d, sample.weight[i]);
  size_t c = 0;
  for (; c + lanes <= channels; c += lanes) {
    FloatVector sum = hn::Mul(weight[0], hn::LoadU(d, sample.pixel[0] + c));
    for (size_t i = 1; i < 4; ++i) sum = FusedMulAdd(weight[i], hn::LoadU(d, sample.pixel[i] + c), sum);
    hn::StoreU(sum, d, out + c);
  }
  if (c == channels) return;
  const size_t left = channels - c;
  FloatVector sum = hn::Mul(weight[0], LoadPartial(d, sample.pixel[0] + c, left));
  for (size_t i = 1; i < 4; ++i) sum = FusedMulAdd(weight[i], LoadPartial(d, sample.pixel[i] + c, left), sum);
  StorePartial(sum, d, out + c, left);
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal::cpu {

HWY_EXPORT(RunBilinearTarget);

void RunBilinear(const BilinearSample& sample, float* out, size_t channels) {
  HWY_DYNAMIC_DISPATCH(RunBilinearTarget)(sample, out, channels);
}

}  // namespace decal::cpu
#endif
