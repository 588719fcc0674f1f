// Pooling: for every pixel the window's cells are accumulated in registers, a block of channels at a time.
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/pool.h"

#include <algorithm>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/simd/pool.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/base/assert.h"
#include "engine/cpu/simd/simd-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

// The cells of one window.
struct Cells {
  const float* first;
  size_t rows, columns;
  ptrdiff_t row_step, column_step;
};

template <bool kMax, class V>
HWY_INLINE V Accumulate(V sum, V x) {
  if constexpr (kMax) return AtLeast(sum, x);
  else return hn::Add(sum, x);
}

template <bool kMax, class D>
HWY_INLINE hn::Vec<D> Identity(D d) {
  return hn::Set(d, kMax ? -std::numeric_limits<float>::infinity() : 0.0f);
}

// One vector, of which the first `count` channels exist. Sums run row by row, so that the error of a
// large window grows with its side and not with its area.
template <bool kMax, bool kPartial, class D>
HWY_INLINE hn::Vec<D> OneVector(D d, const Cells& cells, const float* from, size_t count) {
  auto total = Identity<kMax>(d);
  for (size_t y = 0; y < cells.rows; ++y) {
    const float* cell = from + static_cast<ptrdiff_t>(y) * cells.row_step;
    auto row = Identity<kMax>(d);
    for (size_t x = 0; x < cells.columns; ++x, cell += cells.column_step)
      row = Accumulate<kMax>(row, kPartial ? LoadPartial(d, cell, count) : hn::LoadU(d, cell));
    total = Accumulate<kMax>(total, row);
  }
  return total;
}

// Four vectors: enough independent sums to hide the latency of an addition.
template <bool kMax>
HWY_INLINE void FourVectors(const Cells& cells, const float* from, float scale, float* out) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  FloatVector t0 = Identity<kMax>(d), t1 = t0, t2 = t0, t3 = t0;
  for (size_t y = 0; y < cells.rows; ++y) {
    const float* cell = from + static_cast<ptrdiff_t>(y) * cells.row_step;
    FloatVector r0 = Identity<kMax>(d), r1 = r0, r2 = r0, r3 = r0;
    for (size_t x = 0; x < cells.columns; ++x, cell += cells.column_step) {
      r0 = Accumulate<kMax>(r0, hn::LoadU(d, cell));
      r1 = Accumulate<kMax>(r1, hn::LoadU(d, cell + lanes));
      r2 = Accumulate<kMax>(r2, hn::LoadU(d, cell + 2 * lanes));
      r3 = Accumulate<kMax>(r3, hn::LoadU(d, cell + 3 * lanes));
    }
    t0 = Accumulate<kMax>(t0, r0);
    t1 = Accumulate<kMax>(t1, r1);
    t2 = Accumulate<kMax>(t2, r2);
    t3 = Accumulate<kMax>(t3, r3);
  }
  const FloatVector s = hn::Set(d, scale);
  hn::StoreU(kMax ? t0 : hn::Mul(t0, s), d, out);
  hn::StoreU(kMax ? t1 : hn::Mul(t1, s), d, out + lanes);
  hn::StoreU(kMax ? t2 : hn::Mul(t2, s), d, out + 2 * lanes);
  hn::StoreU(kMax ? t3 : hn::Mul(t3, s), d, out + 3 * lanes);
}

template <bool kMax>
HWY_INLINE void OnePixel(const Cells& cells, size_t channels, float scale, float* out) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  size_t c = 0;
  for (; c + 4 * lanes <= channels; c += 4 * lanes) FourVectors<kMax>(cells, cells.first + c, scale, out + c);
  for (; c + lanes <= channels; c += lanes) {
    const FloatVector t = OneVector<kMax, false>(d, cells, cells.first + c, lanes);
    hn::StoreU(kMax ? t : hn::Mul(t, hn::Set(d, scale)), d, out + c);
  }
  // Partial vectors pay from four channels on; one or two cells at a time are cheaper below.
  constexpr size_t kMinPartial = 4;
  if (channels - c >= kMinPartial) {
    const FloatVector t = OneVector<kMax, true>(d, cells, cells.first + c, channels - c);
    StorePartial(kMax ? t : hn::Mul(t, hn::Set(d, scale)), d, out + c, channels - c);
    return;
  }
  const hn::CappedTag<float, 1> one;
  for (; c < channels; ++c) {
    const float t = hn::GetLane(OneVector<kMax, false>(one, cells, cells.first + c, 1));
    out[c] = kMax ? t : t * scale;
  }
}

template <bool kMax>
HWY_NOINLINE void PoolRow(const FeatureMap& in, const PoolAxis& y, const PoolAxis& x, size_t out_y, size_t out_width,
                          float* out, ptrdiff_t out_pixel_stride) {
  const PoolTaps ty = TapsAt(y, static_cast<int64_t>(out_y));
  Cells cells{.rows = static_cast<size_t>(ty.taps),
              .row_step = static_cast<ptrdiff_t>(y.dilation) * in.row_stride,
              .column_step = static_cast<ptrdiff_t>(x.dilation) * in.pixel_stride};
  for (size_t ox = 0; ox < out_width; ++ox, out += out_pixel_stride) {
    const PoolTaps tx = TapsAt(x, static_cast<int64_t>(ox));
    cells.columns = static_cast<size_t>(tx.taps);
    const bool any = ty.taps > 0 && tx.taps > 0;
    cells.first = any ? in.pixel(static_cast<size_t>(ty.first), static_cast<size_t>(tx.first)) : in.data;
    const int64_t counted = ty.counted * tx.counted;
    OnePixel<kMax>(cells, in.channels, counted > 0 ? 1.0f / static_cast<float>(counted) : 0.0f, out);
  }
}

void MaxPoolRowTarget(const FeatureMap& in, const PoolAxis& y, const PoolAxis& x, size_t out_y, size_t out_width,
                      float* out, ptrdiff_t out_pixel_stride) {
  PoolRow<true>(in, y, x, out_y, out_width, out, out_pixel_stride);
}

void AveragePoolRowTarget(const FeatureMap& in, const PoolAxis& y, const PoolAxis& x, size_t out_y, size_t out_width,
                          float* out, ptrdiff_t out_pixel_stride) {
  PoolRow<false>(in, y, x, out_y, out_width, out, out_pixel_stride);
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal::cpu {
namespace {

// How many k in [0, kernel) have start + k * dilation below `end`.
int64_t TapsBelow(const PoolAxis& axis, int64_t start, int64_t end) {
  const int64_t distance = end - start;
  return distance <= 0 ? 0 : std::min(axis.kernel, (distance + axis.dilation - 1) / axis.dilation);
}

}  // namespace

PoolTaps TapsAt(const PoolAxis& axis, int64_t at) {
  const int64_t start = at * axis.stride - axis.pad_begin;
  if (start >= 0 && start + (axis.kernel - 1) * axis.dilation < axis.extent)
    return {start, axis.kernel, axis.kernel};  // wholly inside, as nearly all are
  const int64_t skipped = TapsBelow(axis, start, 0);
  return {start + skipped * axis.dilation, TapsBelow(axis, start, axis.extent) - skipped,
          TapsBelow(axis, start, axis.count_end) - TapsBelow(axis, start, axis.count_begin)};
}

HWY_EXPORT(MaxPoolRowTarget);
HWY_EXPORT(AveragePoolRowTarget);

void MaxPoolRow(const FeatureMap& in, const PoolAxis& y, const PoolAxis& x, size_t out_y, size_t out_width, float* out,
                ptrdiff_t out_pixel_stride) {
  DECAL_DASSERT(y.extent == static_cast<int64_t>(in.height) && x.extent == static_cast<int64_t>(in.width));
  HWY_DYNAMIC_DISPATCH(MaxPoolRowTarget)(in, y, x, out_y, out_width, out, out_pixel_stride);
}

void AveragePoolRow(const FeatureMap& in, const PoolAxis& y, const PoolAxis& x, size_t out_y, size_t out_width,
                    float* out, ptrdiff_t out_pixel_stride) {
  DECAL_DASSERT(y.extent == static_cast<int64_t>(in.height) && x.extent == static_cast<int64_t>(in.width));
  HWY_DYNAMIC_DISPATCH(AveragePoolRowTarget)(in, y, x, out_y, out_width, out, out_pixel_stride);
}

}  // namespace decal::cpu
#endif  // HWY_ONCE
