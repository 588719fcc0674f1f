// Whole numbers until the last division: every target gives the same bits.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/temporal_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cutout/temporal_rows.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// A pixel's four sums, or one on Highway's scalar target.
using PixelTag = hn::CappedTag<uint32_t, 4>;
constexpr size_t kPixelLanes = hn::MaxLanes(PixelTag());

}  // namespace

void AddBytesTarget(const uint8_t* bytes, bool first, size_t count, uint32_t* sums) {
  const hn::ScalableTag<uint32_t> d;
  const hn::Rebind<uint8_t, decltype(d)> narrow;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto more = hn::PromoteTo(d, hn::LoadU(narrow, bytes + i));
    hn::StoreU(first ? more : hn::Add(hn::LoadU(d, sums + i), more), d, sums + i);
  }
  for (; i < count; ++i) sums[i] = (first ? 0 : sums[i]) + bytes[i];
}

void MeanCellsTarget(const uint32_t* sums, const int32_t* lefts, const int32_t* rights, int rows, size_t count,
                     float* red, float* green, float* blue) {
  const PixelTag d;
  for (size_t x = 0; x < count; ++x) {
    HWY_ALIGN uint32_t all[4];
    for (size_t c = 0; c < 4; c += kPixelLanes) {
      auto sum = hn::Zero(d);
      for (int32_t column = lefts[x]; column < rights[x]; ++column)
        sum = hn::Add(sum, hn::LoadU(d, sums + 4 * static_cast<size_t>(column) + c));
      hn::StoreU(sum, d, all + c);
    }
    const auto pixels = static_cast<float>(int64_t{rights[x] - lefts[x]} * rows);
    red[x] = static_cast<float>(all[0]) / pixels;
    green[x] = static_cast<float>(all[1]) / pixels;
    blue[x] = static_cast<float>(all[2]) / pixels;
  }
}

}  // namespace decal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal {

HWY_EXPORT(AddBytesTarget);
HWY_EXPORT(MeanCellsTarget);

void AddBytes(const uint8_t* bytes, bool first, size_t count, uint32_t* sums) {
  HWY_DYNAMIC_DISPATCH(AddBytesTarget)(bytes, first, count, sums);
}

void MeanCells(const uint32_t* sums, const int32_t* lefts, const int32_t* rights, int rows, size_t count, float* red,
               float* green, float* blue) {
  HWY_DYNAMIC_DISPATCH(MeanCellsTarget)(sums, lefts, rights, rows, count, red, green, blue);
}

}  // namespace decal
#endif  // HWY_ONCE
