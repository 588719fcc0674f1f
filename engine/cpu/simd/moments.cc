// Moments of runs of pixels that stay in a first-level cache, by two passes over each, joined pairwise (Chan, Golub and
// LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979).
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/moments.h"

#include <algorithm>

#include "engine/base/assert.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/simd/moments.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/cpu/simd/simd-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

// Pixels of a run: 16 kB of 64 channels, which is half of a small first-level cache.
constexpr size_t kRunPixels = 64;

// A run of pixels, and how its moments join those of the pixels before it: with n of them before and m in the run,
// `share` is m / (n + m) and `cross` n m / (n + m).
struct MomentRun {
  const float* pixels;
  ptrdiff_t pixel_stride;
  size_t count;
  float share, cross;
};

// kVectors vectors of channels from `c`, of which the last may hold but `valid` channels.
template <size_t kVectors, bool kPartial>
HWY_INLINE void AddRun(const MomentRun& run, size_t c, size_t valid, float* means, float* squares) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  const auto load = [&](const float* from)
                        HWY_ATTR { return kPartial ? LoadPartial(d, from, valid) : hn::LoadU(d, from); };
  // Two pixels at a time, to hide the latency of an addition.
  FloatVector even[kVectors], odd[kVectors], mean[kVectors];
  for (size_t v = 0; v < kVectors; ++v) even[v] = odd[v] = hn::Zero(d);
  const float* pixel = run.pixels + c;
  size_t left = run.count;
  for (; left >= 2; left -= 2, pixel += 2 * run.pixel_stride) {
    for (size_t v = 0; v < kVectors; ++v) {
      even[v] = hn::Add(even[v], load(pixel + v * lanes));
      odd[v] = hn::Add(odd[v], load(pixel + run.pixel_stride + v * lanes));
    }
  }
  const FloatVector inverse = hn::Set(d, 1.0f / static_cast<float>(run.count));
  for (size_t v = 0; v < kVectors; ++v) {
    if (left > 0) even[v] = hn::Add(even[v], load(pixel + v * lanes));
    mean[v] = hn::Mul(hn::Add(even[v], odd[v]), inverse);
    even[v] = odd[v] = hn::Zero(d);
  }
  pixel = run.pixels + c;
  for (left = run.count; left >= 2; left -= 2, pixel += 2 * run.pixel_stride) {
    for (size_t v = 0; v < kVectors; ++v) {
      const FloatVector first = hn::Sub(load(pixel + v * lanes), mean[v]);
      const FloatVector second = hn::Sub(load(pixel + run.pixel_stride + v * lanes), mean[v]);
      even[v] = FusedMulAdd(first, first, even[v]);
      odd[v] = FusedMulAdd(second, second, odd[v]);
    }
  }
  const FloatVector share = hn::Set(d, run.share), cross = hn::Set(d, run.cross);
  for (size_t v = 0; v < kVectors; ++v) {
    if (left > 0) {
      const FloatVector last = hn::Sub(load(pixel + v * lanes), mean[v]);
      even[v] = FusedMulAdd(last, last, even[v]);
    }
    float *to_mean = means + c + v * lanes, *to_squares = squares + c + v * lanes;
    const FloatVector before = load(to_mean), delta = hn::Sub(mean[v], before);
    const FloatVector joined = FusedMulAdd(delta, share, before);
    const FloatVector sum =
        FusedMulAdd(hn::Mul(delta, delta), cross, hn::Add(load(to_squares), hn::Add(even[v], odd[v])));
    if constexpr (kPartial) {
      StorePartial(joined, d, to_mean, valid);
      StorePartial(sum, d, to_squares, valid);
    } else {
      hn::StoreU(joined, d, to_mean);
      hn::StoreU(sum, d, to_squares);
    }
  }
}

// Mean and sum of squared deviations of every channel.
HWY_NOINLINE void BandMoments(const FeatureMap& map, float* means, float* squares) {
  const size_t lanes = hn::Lanes(FloatTag());
  std::fill_n(means, map.channels, 0.0f);
  std::fill_n(squares, map.channels, 0.0f);
  size_t before = 0;
  for (size_t y = 0; y < map.height; ++y) {
    for (size_t x = 0; x < map.width; x += kRunPixels) {
      const size_t count = std::min(kRunPixels, map.width - x);
      const float share = static_cast<float>(count) / static_cast<float>(before + count);
      const MomentRun run{map.pixel(y, x), map.pixel_stride, count, share, static_cast<float>(before) * share};
      before += count;
      size_t c = 0;
      for (; c + 2 * lanes <= map.channels; c += 2 * lanes) AddRun<2, false>(run, c, lanes, means, squares);
      for (; c + lanes <= map.channels; c += lanes) AddRun<1, false>(run, c, lanes, means, squares);
      if (c < map.channels) AddRun<1, true>(run, c, map.channels - c, means, squares);
    }
  }
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal::cpu {

HWY_EXPORT(BandMoments);

void ChannelMoments(const FeatureMap& map, float* scratch, float* mean, float* variance, ThreadRunner& runner) {
  const size_t channels = map.channels, bands = StatisticBands(map);
  DECAL_DASSERT(map.height > 0 && map.width > 0);  // the mean divides by the number of pixels
  DECAL_DASSERT(bands <= kStatisticParts);  // MomentsScratchFloats
  ParallelFor(runner, bands, [&](size_t band, size_t) {
    float* part = scratch + 2 * band * channels;
    HWY_DYNAMIC_DISPATCH(BandMoments)(StatisticBand(map, band, bands), part, part + channels);
  });
  std::copy_n(scratch, channels, mean);
  std::copy_n(scratch + channels, channels, variance);
  size_t before = StatisticBand(map, 0, bands).height;
  for (size_t band = 1; band < bands; ++band) {
    const size_t rows = StatisticBand(map, band, bands).height;
    const float share = static_cast<float>(rows) / static_cast<float>(before + rows);
    const float cross = static_cast<float>(before * map.width) * share;
    const float* part = scratch + 2 * band * channels;
    for (size_t c = 0; c < channels; ++c) {
      const float delta = part[c] - mean[c];
      mean[c] += delta * share;
      variance[c] += part[channels + c] + delta * delta * cross;
    }
    before += rows;
  }
  const float pixels = static_cast<float>(map.height * map.width);
  for (size_t c = 0; c < channels; ++c) variance[c] /= pixels;
}

}  // namespace decal::cpu
#endif  // HWY_ONCE
