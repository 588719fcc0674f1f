// Normalisation loops. Softmax of short rows runs its exponentials over many rows at once.
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/norm.h"

#include <algorithm>
#include <cmath>

#include "engine/cpu/simd/statistics.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/simd/norm.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/base/assert.h"
#include "engine/cpu/simd/activation-inl.h"
#include "engine/cpu/simd/simd-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

template <class V>
HWY_INLINE V ScaleShifted(V x, V scale, V shift, V low, V high) {
  return AtMost(AtLeast(FusedMulAdd(x, scale, shift), low), high);
}

// The same two numbers throughout.
HWY_NOINLINE void ScaleShiftRun(const float* from, const ScaleShift& by, float* to, size_t n) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  const FloatVector s = hn::Set(d, *by.scale), t = hn::Set(d, *by.shift);
  const FloatVector low = hn::Set(d, by.low), high = hn::Set(d, by.high);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(ScaleShifted(hn::LoadU(d, from + i), s, t, low, high), d, to + i);
  if (i < n) StorePartial(ScaleShifted(LoadPartial(d, from + i, n - i), s, t, low, high), d, to + i, n - i);
}

HWY_NOINLINE void ScaleShiftRowTarget(const float* in, ptrdiff_t in_pixel_stride, float* out,
                                      ptrdiff_t out_pixel_stride, size_t pixels, size_t channels,
                                      const ScaleShift& by) {
  if (channels == 1 && in_pixel_stride == 1 && out_pixel_stride == 1) return ScaleShiftRun(in, by, out, pixels);
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  const FloatVector low = hn::Set(d, by.low), high = hn::Set(d, by.high);
  // A run of pixels stays in a first-level cache while its channels pass by, two vectors in registers at a time.
  constexpr size_t kRunPixels = 64;
  for (; pixels > 0; in += static_cast<ptrdiff_t>(kRunPixels) * in_pixel_stride,
                     out += static_cast<ptrdiff_t>(kRunPixels) * out_pixel_stride) {
    const size_t run = std::min(pixels, kRunPixels);
    pixels -= run;
    size_t c = 0;
    for (; c + 2 * lanes <= channels; c += 2 * lanes) {
      const FloatVector s0 = hn::LoadU(d, by.scale + c), s1 = hn::LoadU(d, by.scale + c + lanes);
      const FloatVector t0 = hn::LoadU(d, by.shift + c), t1 = hn::LoadU(d, by.shift + c + lanes);
      const float* from = in + c;
      float* to = out + c;
      for (size_t x = 0; x < run; ++x, from += in_pixel_stride, to += out_pixel_stride) {
        hn::StoreU(ScaleShifted(hn::LoadU(d, from), s0, t0, low, high), d, to);
        hn::StoreU(ScaleShifted(hn::LoadU(d, from + lanes), s1, t1, low, high), d, to + lanes);
      }
    }
    for (; c < channels; c += lanes) {
      const size_t left = std::min(lanes, channels - c);
      const FloatVector s = LoadPartial(d, by.scale + c, left), t = LoadPartial(d, by.shift + c, left);
      const float* from = in + c;
      float* to = out + c;
      for (size_t x = 0; x < run; ++x, from += in_pixel_stride, to += out_pixel_stride) {
        if (left == lanes) hn::StoreU(ScaleShifted(hn::LoadU(d, from), s, t, low, high), d, to);
        else StorePartial(ScaleShifted(LoadPartial(d, from, left), s, t, low, high), d, to, left);
      }
    }
  }
}

HWY_NOINLINE void NormalizeRun(const float* x, const float* scale, const float* bias, float mean_value, float inverse,
                               float* out, size_t n) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  const FloatVector mean = hn::Set(d, mean_value), factor = hn::Set(d, inverse), zero = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const FloatVector normal = hn::Mul(hn::Sub(hn::LoadU(d, x + i), mean), factor);
    hn::StoreU(FusedMulAdd(normal, hn::LoadU(d, scale + i), bias ? hn::LoadU(d, bias + i) : zero), d, out + i);
  }
  if (const size_t left = n - i; left > 0) {
    const FloatVector normal = hn::Mul(hn::Sub(LoadPartial(d, x + i, left), mean), factor);
    const FloatVector shift = bias ? LoadPartial(d, bias + i, left) : zero;
    StorePartial(FusedMulAdd(normal, LoadPartial(d, scale + i, left), shift), d, out + i, left);
  }
}

// x - shift, and its exponential where asked for.
template <bool kExponential>
HWY_NOINLINE void ShiftRun(const float* x, float shift, float* out, size_t n) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  const FloatVector s = hn::Set(d, shift);
  const auto apply = [&](FloatVector v) HWY_ATTR {
    const FloatVector shifted = hn::Sub(v, s);
    if constexpr (kExponential) return VectorExp(d, shifted);
    else return shifted;
  };
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(apply(hn::LoadU(d, x + i)), d, out + i);
  if (i < n) StorePartial(apply(LoadPartial(d, x + i, n - i)), d, out + i, n - i);
}

HWY_NOINLINE float SumOfExponentials(const float* x, float shift, size_t n) {
  constexpr size_t kChunk = 256;  // a kilobyte of stack
  float chunk[kChunk];
  float sum = 0;
  for (size_t i = 0; i < n; i += kChunk) {
    const size_t count = std::min(kChunk, n - i);
    ShiftRun<true>(x + i, shift, chunk, count);
    sum += RunStatistic(Statistic::kSum, chunk, count);
  }
  return sum;
}

HWY_NOINLINE void SoftmaxLong(const float* x, float* out, size_t n, bool logarithm) {
  const float largest = RunStatistic(Statistic::kMax, x, n);
  if (logarithm) {
    const float log_sum = std::log(SumOfExponentials(x, largest, n));
    ShiftRun<false>(x, largest, out, n);
    ShiftRun<false>(out, log_sum, out, n);
    return;
  }
  ShiftRun<true>(x, largest, out, n);
  const float sum = RunStatistic(Statistic::kSum, out, n);
  const float inverse = 1.0f / sum, zero = 0.0f;
  ScaleShiftRun(out, {&inverse, &zero}, out, n);
}

// Rows of up to kShort floats, as many at a time as fit the buffers.
constexpr size_t kShort = 16;
constexpr size_t kBlock = 512;

HWY_NOINLINE void SoftmaxShort(const float* x, ptrdiff_t x_row_stride, float* out, ptrdiff_t out_row_stride,
                               size_t rows, size_t n, bool logarithm) {
  float shifted[kBlock] = {};
  float exponentials[kBlock];
  for (size_t r = 0; r < rows; ++r, x += x_row_stride) {
    const float largest = *std::max_element(x, x + n);
    for (size_t i = 0; i < n; ++i) shifted[r * n + i] = x[i] - largest;
  }
  ShiftRun<true>(shifted, 0.0f, exponentials, rows * n);
  for (size_t r = 0; r < rows; ++r, out += out_row_stride) {
    const float* e = exponentials + r * n;
    float sum = 0;
    for (size_t i = 0; i < n; ++i) sum += e[i];
    const float inverse = 1.0f / sum;
    const float log_sum = logarithm ? std::log(sum) : 0.0f;
    for (size_t i = 0; i < n; ++i) out[i] = logarithm ? shifted[r * n + i] - log_sum : e[i] * inverse;
  }
}

void SoftmaxRowsTarget(const float* x, ptrdiff_t x_row_stride, float* out, ptrdiff_t out_row_stride, size_t rows,
                       size_t n, bool logarithm) {
  const size_t step = n <= kShort ? kBlock / n : 1;
  for (size_t r = 0; r < rows; r += step) {
    const float* from = x + static_cast<ptrdiff_t>(r) * x_row_stride;
    float* to = out + static_cast<ptrdiff_t>(r) * out_row_stride;
    if (n <= kShort) SoftmaxShort(from, x_row_stride, to, out_row_stride, std::min(step, rows - r), n, logarithm);
    else SoftmaxLong(from, to, n, logarithm);
  }
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal::cpu {

HWY_EXPORT(ScaleShiftRowTarget);
HWY_EXPORT(NormalizeRun);
HWY_EXPORT(SoftmaxRowsTarget);

void ScaleShiftRow(const float* in, ptrdiff_t in_pixel_stride, float* out, ptrdiff_t out_pixel_stride, size_t pixels,
                   size_t channels, const ScaleShift& by) {
  DECAL_DASSERT(in != out || in_pixel_stride == out_pixel_stride);
  HWY_DYNAMIC_DISPATCH(ScaleShiftRowTarget)(in, in_pixel_stride, out, out_pixel_stride, pixels, channels, by);
}

void LayerNormRun(const float* x, const float* scale, const float* bias, float epsilon, float* out, size_t n) {
  DECAL_DASSERT(n > 0);
  DECAL_DASSERT(SameOrDisjoint<float>(x, out, n));
  const float count = static_cast<float>(n);
  const float mean = RunStatistic(Statistic::kSum, x, n) / count;
  const float variance = RunSquaredDeviation(x, n, mean) / count;
  HWY_DYNAMIC_DISPATCH(NormalizeRun)(x, scale, bias, mean, 1.0f / std::sqrt(variance + epsilon), out, n);
}

void SoftmaxRows(const float* x, ptrdiff_t x_row_stride, float* out, ptrdiff_t out_row_stride, size_t rows, size_t n,
                 bool logarithm) {
  DECAL_DASSERT(n > 0);
  DECAL_DASSERT(x != out || x_row_stride == out_row_stride);
  HWY_DYNAMIC_DISPATCH(SoftmaxRowsTarget)(x, x_row_stride, out, out_row_stride, rows, n, logarithm);
}

}  // namespace decal::cpu
#endif  // HWY_ONCE
