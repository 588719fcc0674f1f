// Reductions. Long sums are split into parts of kPart terms, so that their rounding error stays small.
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/statistics.h"

#include <algorithm>
#include <limits>

#include "engine/base/assert.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/simd/statistics.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/cpu/simd/simd-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

// Terms added into one register before it joins the total.
constexpr size_t kPart = 256;

// How a reduction starts, takes one value and joins two results. `mean` is used by the deviation only.
struct Sum {
  static constexpr float kStart = 0.0f;
  template <class V>
  static HWY_INLINE V Take(V sum, V x, V) {
    return hn::Add(sum, x);
  }
  template <class V>
  static HWY_INLINE V Join(V a, V b) {
    return hn::Add(a, b);
  }
  template <class D, class V>
  static HWY_INLINE float Across(D d, V v) {
    return hn::GetLane(hn::SumOfLanes(d, v));
  }
};

struct SquaredDeviation : Sum {
  template <class V>
  static HWY_INLINE V Take(V sum, V x, V mean) {
    const V deviation = hn::Sub(x, mean);
    return FusedMulAdd(deviation, deviation, sum);
  }
};

struct Maximum {
  static constexpr float kStart = -std::numeric_limits<float>::infinity();
  template <class V>
  static HWY_INLINE V Take(V best, V x, V) {
    return AtLeast(best, x);
  }
  template <class V>
  static HWY_INLINE V Join(V a, V b) {
    return AtLeast(a, b);
  }
  template <class D, class V>
  static HWY_INLINE float Across(D d, V v) {
    return hn::GetLane(hn::MaxOfLanes(d, v));
  }
};

struct Minimum {
  static constexpr float kStart = std::numeric_limits<float>::infinity();
  template <class V>
  static HWY_INLINE V Take(V best, V x, V) {
    return AtMost(best, x);
  }
  template <class V>
  static HWY_INLINE V Join(V a, V b) {
    return AtMost(a, b);
  }
  template <class D, class V>
  static HWY_INLINE float Across(D d, V v) {
    return hn::GetLane(hn::MinOfLanes(d, v));
  }
};

// Two registers over a run of n floats.
template <class R>
HWY_NOINLINE float Run(const float* x, size_t n, float mean_value) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  const FloatVector mean = hn::Set(d, mean_value);
  const FloatVector start = hn::Set(d, R::kStart);
  FloatVector total = start;
  size_t i = 0;
  while (i + lanes <= n) {
    const size_t end = i + std::min(n - i, kPart * lanes) / lanes * lanes;
    FloatVector a = start, b = start;
    for (; i + 2 * lanes <= end; i += 2 * lanes) {
      a = R::Take(a, hn::LoadU(d, x + i), mean);
      b = R::Take(b, hn::LoadU(d, x + i + lanes), mean);
    }
    for (; i < end; i += lanes) a = R::Take(a, hn::LoadU(d, x + i), mean);
    total = R::Join(total, R::Join(a, b));
  }
  float result = R::Across(d, total);
  const hn::CappedTag<float, 1> one;
  for (; i < n; ++i) result = hn::GetLane(R::Take(hn::Set(one, result), hn::Set(one, x[i]), hn::Set(one, mean_value)));
  return result;
}

template <class R, bool kPartial, class D>
HWY_INLINE hn::Vec<D> ChannelVector(D d, const FeatureMap& map, size_t c, size_t count) {
  const auto start = hn::Set(d, R::kStart);
  auto total = start;
  for (size_t y = 0; y < map.height; ++y) {
    for (size_t x = 0; x < map.width; x += kPart) {
      const float* pixel = map.pixel(y, x) + c;
      auto part = start;
      for (size_t left = std::min(kPart, map.width - x); left > 0; --left, pixel += map.pixel_stride)
        part = R::Join(part, kPartial ? LoadPartial(d, pixel, count) : hn::LoadU(d, pixel));
      total = R::Join(total, part);
    }
  }
  return total;
}

// Four vectors of channels at a time, to hide the latency of an addition.
template <class R>
HWY_INLINE void FourChannelVectors(const FeatureMap& map, size_t c, float* out) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  const FloatVector start = hn::Set(d, R::kStart);
  FloatVector t0 = start, t1 = start, t2 = start, t3 = start;
  for (size_t y = 0; y < map.height; ++y) {
    for (size_t x = 0; x < map.width; x += kPart) {
      const float* pixel = map.pixel(y, x) + c;
      FloatVector p0 = start, p1 = start, p2 = start, p3 = start;
      for (size_t left = std::min(kPart, map.width - x); left > 0; --left, pixel += map.pixel_stride) {
        p0 = R::Join(p0, hn::LoadU(d, pixel));
        p1 = R::Join(p1, hn::LoadU(d, pixel + lanes));
        p2 = R::Join(p2, hn::LoadU(d, pixel + 2 * lanes));
        p3 = R::Join(p3, hn::LoadU(d, pixel + 3 * lanes));
      }
      t0 = R::Join(t0, p0);
      t1 = R::Join(t1, p1);
      t2 = R::Join(t2, p2);
      t3 = R::Join(t3, p3);
    }
  }
  hn::StoreU(t0, d, out + c);
  hn::StoreU(t1, d, out + c + lanes);
  hn::StoreU(t2, d, out + c + 2 * lanes);
  hn::StoreU(t3, d, out + c + 3 * lanes);
}

template <class R>
HWY_NOINLINE void Channels(const FeatureMap& map, float* out) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  if (map.channels == 1 && map.pixel_stride == 1) {
    const hn::CappedTag<float, 1> one;
    float total = R::kStart;
    for (size_t y = 0; y < map.height; ++y) {
      const float row = Run<R>(map.row(y), map.width, 0.0f);
      total = hn::GetLane(R::Join(hn::Set(one, total), hn::Set(one, row)));
    }
    *out = total;
    return;
  }
  size_t c = 0;
  for (; c + 4 * lanes <= map.channels; c += 4 * lanes) FourChannelVectors<R>(map, c, out);
  for (; c + lanes <= map.channels; c += lanes) hn::StoreU(ChannelVector<R, false>(d, map, c, lanes), d, out + c);
  if (const size_t left = map.channels - c; left > 0)
    StorePartial(ChannelVector<R, true>(d, map, c, left), d, out + c, left);
}

void ChannelStatisticTarget(Statistic kind, const FeatureMap& map, float* out) {
  switch (kind) {
    case Statistic::kSum: return Channels<Sum>(map, out);
    case Statistic::kMax: return Channels<Maximum>(map, out);
    case Statistic::kMin: return Channels<Minimum>(map, out);
  }
}

float RunStatisticTarget(Statistic kind, const float* x, size_t n) {
  switch (kind) {
    case Statistic::kSum: return Run<Sum>(x, n, 0.0f);
    case Statistic::kMax: return Run<Maximum>(x, n, 0.0f);
    case Statistic::kMin: return Run<Minimum>(x, n, 0.0f);
  }
  return 0.0f;
}

float RunSquaredDeviationTarget(const float* x, size_t n, float mean) { return Run<SquaredDeviation>(x, n, mean); }

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal::cpu {

HWY_EXPORT(ChannelStatisticTarget);
HWY_EXPORT(RunStatisticTarget);
HWY_EXPORT(RunSquaredDeviationTarget);

void ChannelStatistic(Statistic kind, const FeatureMap& map, float* out) {
  HWY_DYNAMIC_DISPATCH(ChannelStatisticTarget)(kind, map, out);
}

size_t StatisticBands(const FeatureMap& map) {
  const bool small = map.height * map.width * map.channels <= kTaskElements;
  return small ? 1 : std::min(map.height, kStatisticParts);
}

FeatureMap StatisticBand(const FeatureMap& map, size_t band, size_t bands) {
  DECAL_DASSERT(band < bands);
  const size_t begin = map.height * band / bands;
  FeatureMap rows = map;
  rows.data = map.row(begin);
  rows.height = map.height * (band + 1) / bands - begin;
  return rows;
}

void ParallelChannelStatistic(Statistic kind, const FeatureMap& map, float* parts, float* out, ThreadRunner& runner) {
  const size_t bands = StatisticBands(map);
  DECAL_DASSERT(bands <= kStatisticParts);  // the size of `parts`
  ParallelFor(runner, bands, [&](size_t band, size_t) {
    ChannelStatistic(kind, StatisticBand(map, band, bands), parts + band * map.channels);
  });
  for (size_t c = 0; c < map.channels; ++c) {
    float total = parts[c];
    for (size_t band = 1; band < bands; ++band) {
      const float part = parts[band * map.channels + c];
      switch (kind) {
        case Statistic::kSum: total += part; break;
        case Statistic::kMax: total = std::max(total, part); break;
        case Statistic::kMin: total = std::min(total, part); break;
      }
    }
    out[c] = total;
  }
}

float RunStatistic(Statistic kind, const float* x, size_t n) {
  return HWY_DYNAMIC_DISPATCH(RunStatisticTarget)(kind, x, n);
}

float RunSquaredDeviation(const float* x, size_t n, float mean) {
  return HWY_DYNAMIC_DISPATCH(RunSquaredDeviationTarget)(x, n, mean);
}

}  // namespace decal::cpu
#endif  // HWY_ONCE
