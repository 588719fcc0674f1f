// SIMD form of "over" with a background colour for each pixel. cutout/compose_rows.cc has the same for one colour.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/backdrop_rows.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cutout/backdrop_rows.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "cutout/pixel-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::HWY_NAMESPACE {
namespace {

HWY_INLINE Words PixelsOver(Words front, Words behind) {
  const FloatTag d;
  const Floats share = hn::Mul(ChannelLanes<3>(front), hn::Set(d, 1.0f / 255));
  const Floats rest = hn::Sub(hn::Set(d, 1.0f), share);
  const auto blend = [&](Floats above, Floats below)
                         HWY_ATTR { return ToByteLanes(hn::Add(hn::Mul(above, share), hn::Mul(below, rest))); };
  return PackLanes(blend(ChannelLanes<0>(front), ChannelLanes<0>(behind)),
                   blend(ChannelLanes<1>(front), ChannelLanes<1>(behind)),
                   blend(ChannelLanes<2>(front), ChannelLanes<2>(behind)), hn::Set(WordTag(), 255));
}

}  // namespace

void PutRowBehindTarget(const uint8_t* behind, size_t count, uint8_t* cutout) {
  const size_t lanes = hn::Lanes(FloatTag());
  size_t x = 0;
  for (; x + lanes <= count; x += lanes)
    StorePixels(PixelsOver(LoadPixels(cutout + 4 * x), LoadPixels(behind + 4 * x)), cutout + 4 * x);
  if (x == count) return;
  // The rest by way of whole vectors.
  HWY_ALIGN uint8_t front[4 * hn::MaxLanes(FloatTag())] = {}, back[4 * hn::MaxLanes(FloatTag())] = {};
  std::memcpy(front, cutout + 4 * x, 4 * (count - x));
  std::memcpy(back, behind + 4 * x, 4 * (count - x));
  StorePixels(PixelsOver(LoadPixels(front), LoadPixels(back)), front);
  std::memcpy(cutout + 4 * x, front, 4 * (count - x));
}

}  // namespace decal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal {

HWY_EXPORT(PutRowBehindTarget);

void PutRowBehind(const uint8_t* behind, size_t count, uint8_t* cutout) {
  HWY_DYNAMIC_DISPATCH(PutRowBehindTarget)(behind, count, cutout);
}

}  // namespace decal
#endif  // HWY_ONCE
