// Bilinear resampling: four taps a pixel where channels fill vectors, else rows first and columns by gathers.
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/resize.h"

#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/simd/resize.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/cpu/simd/simd-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

// a + weight * (b - a)
template <class V>
HWY_INLINE V Blend(V a, V b, V weight) {
  return FusedMulAdd(weight, hn::Sub(b, a), a);
}

// Output pixels [first, end) of a row, kVectors vectors of channels from `c`, of which the last may hold but `valid`
// channels. The vertical blends of a pixel's two columns are kept for the next pixel, which mostly needs one or both.
template <size_t kVectors, bool kPartial>
HWY_INLINE void WideColumns(const FeatureMap& in, const LinearRow& row, const LinearTable& columns, size_t first,
                            size_t end, size_t c, size_t valid, float* out, ptrdiff_t out_pixel_stride) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  const FloatVector wy = hn::Set(d, row.weight);
  const float *top = in.row(row.low) + c, *bottom = in.row(row.high) + c;
  const auto blend = [&](int32_t column, FloatVector(&to)[kVectors]) HWY_ATTR {
    const ptrdiff_t at = column * in.pixel_stride;
    for (size_t v = 0; v < kVectors; ++v) {
      const float *above = top + at + v * lanes, *below = bottom + at + v * lanes;
      to[v] = kPartial ? Blend(LoadPartial(d, above, valid), LoadPartial(d, below, valid), wy)
                       : Blend(hn::LoadU(d, above), hn::LoadU(d, below), wy);
    }
  };
  int32_t left_column = -1, right_column = -1;
  FloatVector left[kVectors], right[kVectors];
  for (size_t v = 0; v < kVectors; ++v) left[v] = right[v] = hn::Zero(d);
  for (size_t x = first; x < end; ++x) {
    const int32_t low = columns.low[x], high = columns.high[x];
    if (low != left_column) {
      if (low == right_column) {
        for (size_t v = 0; v < kVectors; ++v) left[v] = right[v];
      } else {
        blend(low, left);
      }
      left_column = low;
    }
    if (high != right_column) {
      blend(high, right);
      right_column = high;
    }
    const FloatVector wx = hn::Set(d, columns.weight[x]);
    float* to = out + static_cast<ptrdiff_t>(x) * out_pixel_stride + c;
    for (size_t v = 0; v < kVectors; ++v) {
      const FloatVector y = Blend(left[v], right[v], wx);
      if constexpr (kPartial) StorePartial(y, d, to + v * lanes, valid);
      else hn::StoreU(y, d, to + v * lanes);
    }
  }
}

HWY_NOINLINE void Wide(const FeatureMap& in, const LinearRow& row, const LinearTable& columns, size_t out_width,
                       float* out, ptrdiff_t out_pixel_stride) {
  const size_t lanes = hn::Lanes(FloatTag());
  // A run of pixels stays in a first-level cache while its channels pass by.
  constexpr size_t kRunPixels = 32;
  for (size_t x = 0; x < out_width; x += kRunPixels) {
    const size_t end = std::min(x + kRunPixels, out_width);
    size_t c = 0;
    for (; c + 2 * lanes <= in.channels; c += 2 * lanes)
      WideColumns<2, false>(in, row, columns, x, end, c, lanes, out, out_pixel_stride);
    for (; c + lanes <= in.channels; c += lanes)
      WideColumns<1, false>(in, row, columns, x, end, c, lanes, out, out_pixel_stride);
    if (c < in.channels) WideColumns<1, true>(in, row, columns, x, end, c, in.channels - c, out, out_pixel_stride);
  }
}

// to[i] = the blend of two dense rows of n floats.
HWY_NOINLINE void BlendRows(const float* low, const float* high, float weight, float* to, size_t n) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  const FloatVector w = hn::Set(d, weight);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(Blend(hn::LoadU(d, low + i), hn::LoadU(d, high + i), w), d, to + i);
  if (i < n) StorePartial(Blend(LoadPartial(d, low + i, n - i), LoadPartial(d, high + i, n - i), w), d, to + i, n - i);
}

HWY_NOINLINE void BlendColumns(const float* row, const LinearTable& values, float* to, size_t n) {
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> di;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const FloatVector low = hn::GatherIndex(d, row, hn::LoadU(di, values.low + i));
    const FloatVector high = hn::GatherIndex(d, row, hn::LoadU(di, values.high + i));
    hn::StoreU(Blend(low, high, hn::LoadU(d, values.weight + i)), d, to + i);
  }
  const hn::CappedTag<float, 1> one;
  for (; i < n; ++i)
    to[i] = hn::GetLane(
        Blend(hn::Set(one, row[values.low[i]]), hn::Set(one, row[values.high[i]]), hn::Set(one, values.weight[i])));
}

HWY_NOINLINE void CopyPixels(const float* from, ptrdiff_t from_stride, float* to, ptrdiff_t to_stride, size_t pixels,
                             size_t channels) {
  for (size_t x = 0; x < pixels; ++x, from += from_stride, to += to_stride)
    for (size_t c = 0; c < channels; ++c) to[c] = from[c];
}

void ResizeLinearWideTarget(const FeatureMap& in, const LinearRow& row, const LinearTable& columns, size_t out_width,
                            float* out, ptrdiff_t out_pixel_stride) {
  Wide(in, row, columns, out_width, out, out_pixel_stride);
}

void ResizeLinearNarrowTarget(const FeatureMap& in, const LinearRow& row, const LinearTable& values, size_t out_width,
                              float* out, ptrdiff_t out_pixel_stride, float* scratch) {
  const ptrdiff_t channels = static_cast<ptrdiff_t>(in.channels);
  const size_t in_values = in.width * in.channels, out_values = out_width * in.channels;
  float* blended = scratch;
  float* dense_high = blended + in_values;
  float* dense_out = dense_high + in_values;
  if (in.pixel_stride == channels) {
    BlendRows(in.row(row.low), in.row(row.high), row.weight, blended, in_values);
  } else {
    CopyPixels(in.row(row.low), in.pixel_stride, blended, channels, in.width, in.channels);
    CopyPixels(in.row(row.high), in.pixel_stride, dense_high, channels, in.width, in.channels);
    BlendRows(blended, dense_high, row.weight, blended, in_values);
  }
  const bool dense = out_pixel_stride == channels;
  BlendColumns(blended, values, dense ? out : dense_out, out_values);
  if (!dense) CopyPixels(dense_out, channels, out, out_pixel_stride, out_width, in.channels);
}

HWY_NOINLINE void ResizeNearestRowTarget(const FeatureMap& in, size_t in_row, const int32_t* columns, size_t out_width,
                                         float* out, ptrdiff_t out_pixel_stride) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  for (size_t x = 0; x < out_width; ++x, out += out_pixel_stride) {
    const float* from = in.pixel(in_row, static_cast<size_t>(columns[x]));
    size_t c = 0;
    for (; c + lanes <= in.channels; c += lanes) hn::StoreU(hn::LoadU(d, from + c), d, out + c);
    for (; c < in.channels; ++c) out[c] = from[c];
  }
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal::cpu {

HWY_EXPORT(ResizeLinearWideTarget);
HWY_EXPORT(ResizeLinearNarrowTarget);
HWY_EXPORT(ResizeNearestRowTarget);

namespace {

// Every entry of the table lies within a row of `size` pixels or values.
[[maybe_unused]] bool IsWithin(const LinearTable& table, size_t count, size_t size) {
  const auto inside = [&](int32_t at) { return at >= 0 && static_cast<size_t>(at) < size; };
  return std::all_of(table.low, table.low + count, inside) && std::all_of(table.high, table.high + count, inside);
}

}  // namespace

void ResizeLinearWide(const FeatureMap& in, const LinearRow& row, const LinearTable& columns, size_t out_width,
                      float* out, ptrdiff_t out_pixel_stride) {
  DECAL_DASSERT(row.low < in.height && row.high < in.height);
  DECAL_DASSERT(IsWithin(columns, out_width, in.width));
  HWY_DYNAMIC_DISPATCH(ResizeLinearWideTarget)(in, row, columns, out_width, out, out_pixel_stride);
}

void ResizeLinearNarrow(const FeatureMap& in, const LinearRow& row, const LinearTable& values, size_t out_width,
                        float* out, ptrdiff_t out_pixel_stride, float* scratch) {
  DECAL_DASSERT(row.low < in.height && row.high < in.height);
  DECAL_DASSERT(IsWithin(values, out_width * in.channels, in.width * in.channels));
  HWY_DYNAMIC_DISPATCH(ResizeLinearNarrowTarget)(in, row, values, out_width, out, out_pixel_stride, scratch);
}

void ResizeNearestRow(const FeatureMap& in, size_t in_row, const int32_t* columns, size_t out_width, float* out,
                      ptrdiff_t out_pixel_stride) {
  DECAL_DASSERT(in_row < in.height);
  DECAL_DASSERT(std::all_of(columns, columns + out_width,
                            [&](int32_t x) { return x >= 0 && static_cast<size_t>(x) < in.width; }));
  HWY_DYNAMIC_DISPATCH(ResizeNearestRowTarget)(in, in_row, columns, out_width, out, out_pixel_stride);
}

}  // namespace decal::cpu
#endif  // HWY_ONCE
