// SIMD conversion of Y'CbCr rows in 16 bits: products keep five bits below the point, so that a result is at most a fifteenth of a level
// off before it is rounded. Whole numbers: every target gives the same bytes.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/yuv_rows.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cutout/yuv_rows.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using WideTag = hn::ScalableTag<int16_t>;
using SampleShorts = hn::Vec<WideTag>;
using SampleTag = hn::Rebind<uint8_t, WideTag>;
using SampleBytes = hn::Vec<SampleTag>;

constexpr size_t kMostSamples = hn::MaxLanes(WideTag());
static_assert(2 * kMostSamples <= kYuvPadding);

HWY_INLINE SampleShorts Three(SampleShorts value) { return hn::Add(value, hn::Add(value, value)); }

// Sums of 16 times a sample (12 bits) to 128 a level around zero.
HWY_INLINE SampleShorts Centred(SampleShorts sixteenfold) {
  const WideTag d;
  return hn::ShiftLeft<3>(hn::Sub(sixteenfold, hn::Set(d, 16 * 128)));
}

// Five bits below the point to bytes.
HWY_INLINE SampleBytes Rounded(SampleShorts value) {
  return hn::DemoteTo(SampleTag(), hn::ShiftRight<5>(hn::Add(value, hn::Set(WideTag(), 16))));
}

struct Converter {
  explicit Converter(const YuvMatrix& matrix)
      : luma(hn::Set(d, matrix.luma)), red_cr(hn::Set(d, matrix.red_cr)), green_cb(hn::Set(d, matrix.green_cb)),
        green_cr(hn::Set(d, matrix.green_cr)), blue_cb(hn::Set(d, matrix.blue_cb)), black(hn::Set(d, matrix.black)) {}

  HWY_INLINE void Store(const uint8_t* samples, SampleShorts cb, SampleShorts cr, uint8_t* rgba) const {
    const SampleShorts bright = hn::ShiftLeft<7>(hn::Sub(hn::PromoteTo(d, hn::LoadU(SampleTag(), samples)), black));
    const SampleShorts y = hn::MulFixedPoint15(bright, luma);
    const SampleShorts red = hn::Add(y, hn::MulFixedPoint15(cr, red_cr));
    const SampleShorts green =
        hn::Sub(hn::Sub(y, hn::MulFixedPoint15(cb, green_cb)), hn::MulFixedPoint15(cr, green_cr));
    const SampleShorts blue = hn::Add(y, hn::MulFixedPoint15(cb, blue_cb));
    hn::StoreInterleaved4(Rounded(red), Rounded(green), Rounded(blue), hn::Set(SampleTag(), 255), SampleTag(), rgba);
  }

  WideTag d;
  SampleShorts luma, red_cr, green_cb, green_cr, blue_cb, black;
};

template <class ChromaFn>
HWY_INLINE void ConvertRow(const uint8_t* luma, size_t width, const YuvMatrix& matrix, uint8_t* rgba,
                           const ChromaFn& chroma) {
  const Converter converter(matrix);
  const size_t lanes = hn::Lanes(WideTag());
  size_t x = 0;
  for (; x + lanes <= width; x += lanes) converter.Store(luma + x, chroma(0, x), chroma(1, x), rgba + 4 * x);
  if (x == width) return;
  // The rest by way of whole vectors.
  HWY_ALIGN uint8_t samples[kMostSamples] = {};
  HWY_ALIGN uint8_t pixels[4 * kMostSamples];
  std::memcpy(samples, luma + x, width - x);
  converter.Store(samples, chroma(0, x), chroma(1, x), pixels);
  std::memcpy(rgba + 4 * x, pixels, 4 * (width - x));
}

}  // namespace

void SumChromaRowsTarget(const uint8_t* near, const uint8_t* far, size_t count, int16_t* sums) {
  const WideTag d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const SampleShorts close = hn::PromoteTo(d, hn::LoadU(SampleTag(), near + i));
    hn::StoreU(hn::Add(Three(close), hn::PromoteTo(d, hn::LoadU(SampleTag(), far + i))), d, sums + i);
  }
  for (; i < count; ++i) sums[i] = static_cast<int16_t>(3 * near[i] + far[i]);
}

void SpreadChromaTarget(const int16_t* sums, size_t count, bool widen, int16_t* out) {
  const WideTag d;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < count; i += lanes) {
    const SampleShorts here = hn::LoadU(d, sums + i);
    if (!widen) {
      hn::StoreU(Centred(hn::ShiftLeft<2>(here)), d, out + i);
      continue;
    }
    const SampleShorts most = Three(here);
    const SampleShorts left = hn::Add(most, hn::LoadU(d, sums + i - 1)),
                       right = hn::Add(most, hn::LoadU(d, sums + i + 1));
    hn::StoreInterleaved2(Centred(left), Centred(right), d, out + 2 * i);
  }
}

void YuvRowToRgbaTarget(const uint8_t* luma, const int16_t* cb, const int16_t* cr, size_t width,
                        const YuvMatrix& matrix, uint8_t* rgba) {
  const WideTag d;
  if (cb == nullptr) return ConvertRow(luma, width, matrix, rgba, [&](int, size_t) HWY_ATTR { return hn::Zero(d); });
  ConvertRow(luma, width, matrix, rgba,
             [&](int which, size_t x) HWY_ATTR { return hn::LoadU(d, (which == 0 ? cb : cr) + x); });
}

}  // namespace decal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal {

HWY_EXPORT(SumChromaRowsTarget);
HWY_EXPORT(SpreadChromaTarget);
HWY_EXPORT(YuvRowToRgbaTarget);

void SumChromaRows(const uint8_t* near, const uint8_t* far, size_t count, int16_t* sums) {
  HWY_DYNAMIC_DISPATCH(SumChromaRowsTarget)(near, far, count, sums);
}

void SpreadChroma(const int16_t* sums, size_t count, bool widen, int16_t* out) {
  HWY_DYNAMIC_DISPATCH(SpreadChromaTarget)(sums, count, widen, out);
}

void YuvRowToRgba(const uint8_t* luma, const int16_t* cb, const int16_t* cr, size_t width, const YuvMatrix& matrix,
                  uint8_t* rgba) {
  HWY_DYNAMIC_DISPATCH(YuvRowToRgbaTarget)(luma, cb, cr, width, matrix, rgba);
}

}  // namespace decal
#endif  // HWY_ONCE
