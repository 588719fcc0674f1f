// The one-dimensional transforms of Winograd convolutions and the register tile of their products.
// SPDX-License-Identifier: MIT
#if defined(DECAL_ENGINE_CPU_WINOGRAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DECAL_ENGINE_CPU_WINOGRAD_INL_H_
#undef DECAL_ENGINE_CPU_WINOGRAD_INL_H_
#else
#define DECAL_ENGINE_CPU_WINOGRAD_INL_H_
#endif

#include "engine/cpu/simd/indirect_conv-inl.h"
#include "engine/cpu/winograd/winograd.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

HWY_INLINE FloatVector Times(float factor, FloatVector x) { return hn::Mul(hn::Set(FloatTag(), factor), x); }
HWY_INLINE FloatVector AddTimes(FloatVector sum, float factor, FloatVector x) {
  return FusedMulAdd(hn::Set(FloatTag(), factor), x, sum);
}

// The points ±a and ±b with a² = 1/2 and b² = 2, so that a² b² = 1 and a² + b² = 5/2.
inline constexpr float kPointA = 0.70710678118654752f;
inline constexpr float kPointB = 1.41421356237309505f;

// The input transform depends on the points alone.
struct SixPoints {
  static constexpr size_t kPoints = 6;

  static HWY_INLINE void Input(const FloatVector (&x)[6], FloatVector (&y)[6]) {
    const FloatVector even_a = AddTimes(x[4], -2.0f, x[2]), odd_a = AddTimes(x[3], -2.0f, x[1]);
    const FloatVector even_b = AddTimes(x[4], -0.5f, x[2]), odd_b = AddTimes(x[3], -0.5f, x[1]);
    y[0] = AddTimes(hn::Add(x[0], x[4]), -2.5f, x[2]);
    y[1] = AddTimes(even_a, kPointA, odd_a);
    y[2] = AddTimes(even_a, -kPointA, odd_a);
    y[3] = AddTimes(even_b, kPointB, odd_b);
    y[4] = AddTimes(even_b, -kPointB, odd_b);
    y[5] = AddTimes(hn::Add(x[1], x[5]), -2.5f, x[3]);
  }

  // The filter's even and odd parts at ±a and ±b, over the products of differences of points.
  static HWY_INLINE void AtPoints(FloatVector even_a, FloatVector odd_a, FloatVector even_b, FloatVector odd_b,
                                  FloatVector (&u)[6]) {
    const FloatVector scaled_a = Times(-2.0f / 3, even_a), scaled_b = Times(1.0f / 6, even_b);
    u[1] = AddTimes(scaled_a, -2.0f / 3 * kPointA, odd_a);
    u[2] = AddTimes(scaled_a, 2.0f / 3 * kPointA, odd_a);
    u[3] = AddTimes(scaled_b, 1.0f / 6 * kPointB, odd_b);
    u[4] = AddTimes(scaled_b, -1.0f / 6 * kPointB, odd_b);
  }
};

struct F4x3 : SixPoints {
  static constexpr size_t kOutputs = 4, kTaps = 3;

  static HWY_INLINE void Filter(const FloatVector (&g)[3], FloatVector (&u)[6]) {
    u[0] = g[0];
    AtPoints(AddTimes(g[0], 0.5f, g[2]), g[1], AddTimes(g[0], 2.0f, g[2]), g[1], u);
    u[5] = g[2];
  }
  static HWY_INLINE void Output(const FloatVector (&m)[6], FloatVector (&y)[4]) {
    const FloatVector sum_a = hn::Add(m[1], m[2]), difference_a = hn::Sub(m[1], m[2]);
    const FloatVector sum_b = hn::Add(m[3], m[4]), difference_b = hn::Sub(m[3], m[4]);
    y[0] = hn::Add(hn::Add(m[0], sum_a), sum_b);
    y[1] = AddTimes(Times(kPointA, difference_a), kPointB, difference_b);
    y[2] = AddTimes(Times(0.5f, sum_a), 2.0f, sum_b);
    y[3] = AddTimes(AddTimes(m[5], 0.5f * kPointA, difference_a), 2.0f * kPointB, difference_b);
  }
};

// Points 0, ±1, ±2, ±1/2 and infinity.
struct EightPoints {
  static constexpr size_t kPoints = 8;

  static HWY_INLINE void Input(const FloatVector (&x)[8], FloatVector (&y)[8]) {
    y[0] = AddTimes(hn::Sub(x[0], x[6]), 5.25f, hn::Sub(x[4], x[2]));
    const FloatVector even_1 = AddTimes(hn::Add(x[2], x[6]), -4.25f, x[4]);
    const FloatVector odd_1 = AddTimes(hn::Add(x[1], x[5]), -4.25f, x[3]);
    y[1] = hn::Add(even_1, odd_1);
    y[2] = hn::Sub(even_1, odd_1);
    const FloatVector even_2 = AddTimes(AddTimes(x[6], -1.25f, x[4]), 0.25f, x[2]);
    const FloatVector odd_2 = AddTimes(AddTimes(x[5], -1.25f, x[3]), 0.25f, x[1]);
    y[3] = AddTimes(even_2, 2.0f, odd_2);
    y[4] = AddTimes(even_2, -2.0f, odd_2);
    const FloatVector even_half = AddTimes(AddTimes(x[6], -5.0f, x[4]), 4.0f, x[2]);
    const FloatVector odd_half = AddTimes(AddTimes(x[5], -5.0f, x[3]), 4.0f, x[1]);
    y[5] = AddTimes(even_half, 0.5f, odd_half);
    y[6] = AddTimes(even_half, -0.5f, odd_half);
    y[7] = AddTimes(hn::Sub(x[7], x[1]), 5.25f, hn::Sub(x[3], x[5]));
  }
};

struct F6x3 : EightPoints {
  static constexpr size_t kOutputs = 6, kTaps = 3;

  static HWY_INLINE void Filter(const FloatVector (&g)[3], FloatVector (&u)[8]) {
    const FloatVector even_1 = Times(-2.0f / 9, hn::Add(g[0], g[2]));
    const FloatVector even_2 = Times(1.0f / 90, AddTimes(g[0], 4.0f, g[2]));
    const FloatVector even_half = Times(32.0f / 45, AddTimes(g[0], 0.25f, g[2]));
    u[0] = g[0];
    u[1] = AddTimes(even_1, -2.0f / 9, g[1]);
    u[2] = AddTimes(even_1, 2.0f / 9, g[1]);
    u[3] = AddTimes(even_2, 1.0f / 45, g[1]);
    u[4] = AddTimes(even_2, -1.0f / 45, g[1]);
    u[5] = AddTimes(even_half, 16.0f / 45, g[1]);
    u[6] = AddTimes(even_half, -16.0f / 45, g[1]);
    u[7] = g[2];
  }
  static HWY_INLINE void Output(const FloatVector (&m)[8], FloatVector (&y)[6]) {
    const FloatVector sum_1 = hn::Add(m[1], m[2]), difference_1 = hn::Sub(m[1], m[2]);
    const FloatVector sum_2 = hn::Add(m[3], m[4]), difference_2 = hn::Sub(m[3], m[4]);
    const FloatVector sum_half = hn::Add(m[5], m[6]), difference_half = hn::Sub(m[5], m[6]);
    y[0] = hn::Add(hn::Add(m[0], sum_1), hn::Add(sum_2, sum_half));
    y[1] = AddTimes(AddTimes(difference_1, 2.0f, difference_2), 0.5f, difference_half);
    y[2] = AddTimes(AddTimes(sum_1, 4.0f, sum_2), 0.25f, sum_half);
    y[3] = AddTimes(AddTimes(difference_1, 8.0f, difference_2), 0.125f, difference_half);
    y[4] = AddTimes(AddTimes(sum_1, 16.0f, sum_2), 0.0625f, sum_half);
    y[5] = AddTimes(AddTimes(hn::Add(m[7], difference_1), 32.0f, difference_2), 0.03125f, difference_half);
  }
};

struct F4x5 : EightPoints {
  static constexpr size_t kOutputs = 4, kTaps = 5;

  static HWY_INLINE void Filter(const FloatVector (&g)[5], FloatVector (&u)[8]) {
    const FloatVector even_1 = Times(-2.0f / 9, hn::Add(hn::Add(g[0], g[2]), g[4]));
    const FloatVector odd_1 = Times(-2.0f / 9, hn::Add(g[1], g[3]));
    const FloatVector even_2 = Times(1.0f / 90, AddTimes(AddTimes(g[0], 4.0f, g[2]), 16.0f, g[4]));
    const FloatVector odd_2 = Times(1.0f / 45, AddTimes(g[1], 4.0f, g[3]));
    const FloatVector even_half = Times(32.0f / 45, AddTimes(AddTimes(g[0], 0.25f, g[2]), 0.0625f, g[4]));
    const FloatVector odd_half = Times(16.0f / 45, AddTimes(g[1], 0.25f, g[3]));
    u[0] = g[0];
    u[1] = hn::Add(even_1, odd_1);
    u[2] = hn::Sub(even_1, odd_1);
    u[3] = hn::Add(even_2, odd_2);
    u[4] = hn::Sub(even_2, odd_2);
    u[5] = hn::Add(even_half, odd_half);
    u[6] = hn::Sub(even_half, odd_half);
    u[7] = g[4];
  }
  static HWY_INLINE void Output(const FloatVector (&m)[8], FloatVector (&y)[4]) {
    const FloatVector sum_1 = hn::Add(m[1], m[2]), difference_1 = hn::Sub(m[1], m[2]);
    const FloatVector sum_2 = hn::Add(m[3], m[4]), difference_2 = hn::Sub(m[3], m[4]);
    const FloatVector sum_half = hn::Add(m[5], m[6]), difference_half = hn::Sub(m[5], m[6]);
    y[0] = hn::Add(hn::Add(m[0], sum_1), hn::Add(sum_2, sum_half));
    y[1] = AddTimes(AddTimes(difference_1, 2.0f, difference_2), 0.5f, difference_half);
    y[2] = AddTimes(AddTimes(sum_1, 4.0f, sum_2), 0.25f, sum_half);
    y[3] = AddTimes(AddTimes(hn::Add(m[7], difference_1), 8.0f, difference_2), 0.125f, difference_half);
  }
};

// Points 0, 1, -1 and infinity.
struct F2x3 {
  static constexpr size_t kPoints = 4, kOutputs = 2, kTaps = 3;

  static HWY_INLINE void Input(const FloatVector (&x)[4], FloatVector (&y)[4]) {
    y[0] = hn::Sub(x[0], x[2]);
    y[1] = hn::Add(x[1], x[2]);
    y[2] = hn::Sub(x[2], x[1]);
    y[3] = hn::Sub(x[3], x[1]);
  }
  static HWY_INLINE void Filter(const FloatVector (&g)[3], FloatVector (&u)[4]) {
    const FloatVector even = Times(0.5f, hn::Add(g[0], g[2]));
    u[0] = g[0];
    u[1] = AddTimes(even, 0.5f, g[1]);
    u[2] = AddTimes(even, -0.5f, g[1]);
    u[3] = g[2];
  }
  static HWY_INLINE void Output(const FloatVector (&m)[4], FloatVector (&y)[2]) {
    y[0] = hn::Add(hn::Add(m[0], m[1]), m[2]);
    y[1] = hn::Add(hn::Sub(m[1], m[2]), m[3]);
  }
};

// The register tile: kRows tiles of V times a panel of U. One register points at all rows.
#if HWY_TARGET == HWY_AVX3
inline constexpr size_t kProductRows = 12, kShortRows = 4;  // 24 of 32 accumulators
#elif HWY_TARGET == HWY_AVX2 || HWY_ARCH_ARM_A64
inline constexpr size_t kProductRows = 6, kShortRows = 2;   // 12 of AVX2's 16
#else
inline constexpr size_t kProductRows = 4, kShortRows = 2;   // 8 of 16; wasm engines keep some for themselves
#endif

// m[row][column] (+)= sum over k of v[row][k] * u[k][column].
template <size_t kRows, size_t kVectors>
HWY_NOINLINE void MultiplyPoint(const float* HWY_RESTRICT v, const float* HWY_RESTRICT u, size_t depth,
                                float* HWY_RESTRICT m, size_t m_stride, bool accumulate) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  FloatVector acc[kRows][kVectors];
  for (size_t i = 0; i < kRows; ++i)
    for (size_t n = 0; n < kVectors; ++n)
      acc[i][n] = accumulate ? hn::LoadU(d, m + i * m_stride + n * lanes) : hn::Zero(d);
#define DECAL_STEP(offset)                                                                       \
  {                                                                                              \
    FloatVector panel[kVectors];                                                                 \
    for (size_t n = 0; n < kVectors; ++n) panel[n] = hn::LoadU(d, u + n * lanes);                \
    for (size_t i = 0; i < kRows; ++i) {                                                         \
      const FloatVector value = hn::Set(d, v[i * kWinogradChannels + (offset)]);                 \
      for (size_t n = 0; n < kVectors; ++n) acc[i][n] = FusedMulAdd(value, panel[n], acc[i][n]); \
    }                                                                                            \
    u += kVectors * lanes;                                                                       \
  }
  for (; depth != 0; v += (kProductRows - 1) * kWinogradChannels) {
    size_t k = std::min(depth, kWinogradChannels);
    depth -= k;
    const float* next = v + kWinogradChannels;
#if HWY_TARGET != HWY_WASM  // as in the implicit GEMM's tile
    for (; k >= 4; k -= 4, v += 4) {
      DECAL_STEP(0)
      DECAL_STEP(1)
      DECAL_STEP(2)
      DECAL_STEP(3)
    }
#endif
    for (; k != 0; --k, ++v) DECAL_STEP(0)
    v = next;
  }
#undef DECAL_STEP
  for (size_t i = 0; i < kRows; ++i)
    for (size_t n = 0; n < kVectors; ++n) hn::StoreU(acc[i][n], d, m + i * m_stride + n * lanes);
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // DECAL_ENGINE_CPU_WINOGRAD_INL_H_
