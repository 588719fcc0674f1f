// Normalisation loops. Softmax of short rows runs its exponentials over many rows at once.
#include "engine/cpu/norm.h"

#include <algorithm>
#include <cmath>

#include "engine/cpu/statistics.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/norm.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/cpu/activation-inl.h"
#include "engine/cpu/simd-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

// to = from * scale + shift with the same two numbers throughout.
HWY_NOINLINE void ScaleShiftRun(const float* from, float scale, float shift, float* to, size_t n) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  const FloatVector s = hn::Set(d, scale), t = hn::Set(d, shift);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(FusedMulAdd(hn::LoadU(d, from + i), s, t), d, to + i);
  if (i < n) StorePartial(FusedMulAdd(LoadPartial(d, from + i, n - i), s, t), d, to + i, n - i);
}

HWY_NOINLINE void ScaleShiftRowTarget(const float* in, ptrdiff_t in_pixel_stride, float* out,
                                      ptrdiff_t out_pixel_stride, size_t pixels, size_t channels,
                                      const float* scale, const float* shift) {
  if (channels == 1 && in_pixel_stride == 1 && out_pixel_stride == 1)
    return ScaleShiftRun(in, *scale, *shift, out, pixels);
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  for (size_t x = 0; x < pixels; ++x, in += in_pixel_stride, out += out_pixel_stride) {
    size_t c = 0;
    for (; c + lanes <= channels; c += lanes)
      hn::StoreU(FusedMulAdd(hn::LoadU(d, in + c), hn::LoadU(d, scale + c), hn::LoadU(d, shift + c)), d, out + c);
    if (const size_t left = channels - c; left > 0)
      StorePartial(
          FusedMulAdd(LoadPartial(d, in + c, left), LoadPartial(d, scale + c, left), LoadPartial(d, shift + c, left)),
          d, out + c, left);
  }
}

HWY_NOINLINE void NormalizeRun(const float* x, const float* scale, const float* bias, float mean_value,
                               float inverse, float* out, size_t n) {
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
  ScaleShiftRun(out, 1.0f / sum, 0.0f, out, n);
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

void ScaleShiftRow(const float* in, ptrdiff_t in_pixel_stride, float* out, ptrdiff_t out_pixel_stride,
                   size_t pixels, size_t channels, const float* scale, const float* shift) {
  HWY_DYNAMIC_DISPATCH(ScaleShiftRowTarget)
  (in, in_pixel_stride, out, out_pixel_stride, pixels, channels, scale, shift);
}

void LayerNormRun(const float* x, const float* scale, const float* bias, float epsilon, float* out, size_t n) {
  const float count = static_cast<float>(n);
  const float mean = RunStatistic(Statistic::kSum, x, n) / count;
  const float variance = RunSquaredDeviation(x, n, mean) / count;
  HWY_DYNAMIC_DISPATCH(NormalizeRun)(x, scale, bias, mean, 1.0f / std::sqrt(variance + epsilon), out, n);
}

void SoftmaxRows(const float* x, ptrdiff_t x_row_stride, float* out, ptrdiff_t out_row_stride, size_t rows,
                 size_t n, bool logarithm) {
  HWY_DYNAMIC_DISPATCH(SoftmaxRowsTarget)(x, x_row_stride, out, out_row_stride, rows, n, logarithm);
}

}  // namespace decal::cpu
#endif  // HWY_ONCE
