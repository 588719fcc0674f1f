// Rows first, columns second: the sum over picture rows streams through memory once, and what is left for the columns
// is one row. Sums add in the order of the taps and nothing is fused, so every SIMD target gives the same bits.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>

#include "cutout/resample.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cutout/resample_rows.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "cutout/pixel-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::HWY_NAMESPACE {
namespace {

// Source rows added per pass over the accumulators: four make the accumulators' own traffic a quarter.
constexpr int kRowsPerPass = 4;

// Pixels whose accumulators (four planes, 16 kB) stay in the first-level cache while all rows pass over them.
// 5203 x 7800 to 256 x 256, natively on one thread (bench/pictures_bench.cc): 28.8 ms with 256, where rows come in
// pieces too short to be fetched ahead, 22.5 with 1024, 26.0 with whole rows.
constexpr size_t kBlockPixels = 1024;

// The accumulators of a block, a plane each, with room for a last vector that is not full.
struct Block {
  static constexpr size_t kPlane = kBlockPixels + hn::MaxLanes(FloatTag());
  HWY_ALIGN float planes[4][kPlane];
};

// Adds weights[k] * the channels of pixels(k) for kCount rows in order: the same sum whatever kCount is.
template <AlphaUse kAlpha, int kCount, class PixelsFn>
HWY_INLINE void AccumulateVector(const PixelsFn& pixels_of, const float* weights, size_t x, Block& sums) {
  const FloatTag d;
  auto& [red, green, blue, alpha] = sums.planes;
  Floats r = hn::Load(d, red + x), g = hn::Load(d, green + x), b = hn::Load(d, blue + x);
  Floats a = hn::Load(d, alpha + x);
  for (int k = 0; k < kCount; ++k) {
    const Words pixels = pixels_of(k);
    Floats weight = hn::Set(d, weights[k]);
    if constexpr (kAlpha == AlphaUse::kWeight) {
      weight = hn::Mul(weight, ChannelLanes<3>(pixels));
      a = hn::Add(a, weight);
    }
    r = hn::Add(r, hn::Mul(weight, ChannelLanes<0>(pixels)));
    g = hn::Add(g, hn::Mul(weight, ChannelLanes<1>(pixels)));
    b = hn::Add(b, hn::Mul(weight, ChannelLanes<2>(pixels)));
  }
  hn::Store(r, d, red + x);
  hn::Store(g, d, green + x);
  hn::Store(b, d, blue + x);
  if constexpr (kAlpha == AlphaUse::kWeight) hn::Store(a, d, alpha + x);
}

// The first `count` pixels from rows[k] on, k < kCount.
template <AlphaUse kAlpha, int kCount>
HWY_NOINLINE void AccumulateRows(const uint8_t* const* rows, const float* weights, size_t count, Block& sums) {
  const size_t lanes = hn::Lanes(FloatTag());
  size_t x = 0;
  for (; x + lanes <= count; x += lanes) {
    AccumulateVector<kAlpha, kCount>([&](int k) HWY_ATTR { return LoadPixels(rows[k] + 4 * x); }, weights, x, sums);
  }
  if (x == count) return;
  AccumulateVector<kAlpha, kCount>(
      [&](int k) HWY_ATTR {
        HWY_ALIGN uint8_t rest[4 * hn::MaxLanes(FloatTag())] = {};
        std::memcpy(rest, rows[k] + 4 * x, 4 * (count - x));
        return LoadPixels(rest);
      },
      weights, x, sums);
}

// The weighted sum of picture rows for output row `y`: four floats a pixel in `out`, the fourth 0 if alpha is ignored.
template <AlphaUse kAlpha>
HWY_NOINLINE void SumRows(ImageView picture, const ResampleAxis& axis, int y, float* out) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  const size_t width = static_cast<size_t>(picture.width);
  const float* weights = axis.weights(y);
  Block sums;
  for (size_t begin = 0; begin < width; begin += kBlockPixels) {
    const size_t count = std::min(kBlockPixels, width - begin);
    for (float* plane : sums.planes) std::fill_n(plane, AlignUp(count, lanes), 0.0f);
    const uint8_t* rows[kRowsPerPass];
    const auto row = [&](int k) { return picture.row(axis.first(y) + k) + 4 * begin; };
    int k = 0;
    for (; k + kRowsPerPass <= axis.taps(); k += kRowsPerPass) {
      for (int i = 0; i < kRowsPerPass; ++i) rows[i] = row(k + i);
      AccumulateRows<kAlpha, kRowsPerPass>(rows, weights + k, count, sums);
    }
#if HWY_TARGET == HWY_WASM
    // One by one, as the module's size is bounded: the forms for two and three rows take 4 KB.
    for (; k < axis.taps(); ++k) {
      rows[0] = row(k);
      AccumulateRows<kAlpha, 1>(rows, weights + k, count, sums);
    }
#else
    for (int i = 0; k + i < axis.taps(); ++i) rows[i] = row(k + i);
    switch (axis.taps() - k) {
      case 3: AccumulateRows<kAlpha, 3>(rows, weights + k, count, sums); break;
      case 2: AccumulateRows<kAlpha, 2>(rows, weights + k, count, sums); break;
      case 1: AccumulateRows<kAlpha, 1>(rows, weights + k, count, sums); break;
    }
#endif
    const auto& [red, green, blue, alpha] = sums.planes;
    size_t x = 0;
    for (; x + lanes <= count; x += lanes) {
      hn::StoreInterleaved4(hn::Load(d, red + x), hn::Load(d, green + x), hn::Load(d, blue + x), hn::Load(d, alpha + x),
                            d, out + 4 * (begin + x));
    }
    for (; x < count; ++x) {
      float* to = out + 4 * (begin + x);
      to[0] = red[x], to[1] = green[x], to[2] = blue[x], to[3] = alpha[x];
    }
  }
}

// A pixel's four floats are a vector, or four on Highway's scalar target.
HWY_NOINLINE void SumColumns(const float* from, const ResampleAxis& axis, float* out) {
  const hn::CappedTag<float, 4> d;
  const int taps = axis.taps();
  const float* weights = axis.weights(0);
  for (int x = 0; x < axis.output(); ++x, weights += taps, out += 4) {
    const float* pixel = from + 4 * static_cast<size_t>(axis.first(x));
    for (size_t c = 0; c < 4; c += hn::MaxLanes(d)) {
      auto sum = hn::Zero(d);
      for (int k = 0; k < taps; ++k) {
        sum = hn::Add(sum, hn::Mul(hn::Set(d, weights[k]), hn::LoadU(d, pixel + 4 * k + c)));
      }
      hn::StoreU(sum, d, out + c);
    }
  }
}

}  // namespace

void ResampleRowTarget(ImageView picture, const ResampleAxis& rows, const ResampleAxis& columns, AlphaUse alpha, int y,
                       float* scratch, float* out) {
  if (alpha == AlphaUse::kIgnore) {
    SumRows<AlphaUse::kIgnore>(picture, rows, y, scratch);
  } else {
    SumRows<AlphaUse::kWeight>(picture, rows, y, scratch);
  }
  SumColumns(scratch, columns, out);
}

void NormaliseRowTarget(const float* row, size_t count, const float* scale, const float* offset, float* const* planes) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  size_t x = 0;
  for (; x + lanes <= count; x += lanes) {
    Floats channels[4];
    hn::LoadInterleaved4(d, row + 4 * x, channels[0], channels[1], channels[2], channels[3]);
    for (size_t c = 0; c < 3; ++c) {
      hn::StoreU(hn::Add(hn::Mul(channels[c], hn::Set(d, scale[c])), hn::Set(d, offset[c])), d, planes[c] + x);
    }
  }
  for (; x < count; ++x) {
    for (size_t c = 0; c < 3; ++c) planes[c][x] = row[4 * x + c] * scale[c] + offset[c];
  }
}

}  // namespace decal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal {

HWY_EXPORT(ResampleRowTarget);
HWY_EXPORT(NormaliseRowTarget);

void ResampleRow(ImageView picture, const ResampleAxis& rows, const ResampleAxis& columns, AlphaUse alpha, int y,
                 float* scratch, float* out) {
  HWY_DYNAMIC_DISPATCH(ResampleRowTarget)(picture, rows, columns, alpha, y, scratch, out);
}

void NormaliseRow(const float* row, size_t count, const float* scale, const float* offset, float* const* planes) {
  HWY_DYNAMIC_DISPATCH(NormaliseRowTarget)(row, count, scale, offset, planes);
}

}  // namespace decal
#endif  // HWY_ONCE
