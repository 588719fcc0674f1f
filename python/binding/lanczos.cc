// SPDX-License-Identifier: MIT
#include "binding/lanczos.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <numbers>
#include <vector>

// Compiled twice where the loader can choose: products of 32 bits take AVX2 (or SSE4), and this file is built for all x86-64.
#if defined(__x86_64__) && defined(__linux__)
#define DECAL_WIDER __attribute__((target_clones("avx2", "default")))
#else
#define DECAL_WIDER
#endif

namespace decal::python {
namespace {

constexpr double kLobes = 3;
constexpr int kWeightBits = 22;  // a sum of products with 8-bit samples, overshoot included, stays within 31

// For each sample of the result: the first one that counts, and the weights from there on.
struct Axis {
  int taps = 0;  // the most of any; shorter ones end in zeros
  std::vector<int> first, count;
  std::vector<int32_t> weights;

  const int32_t* of(int at) const { return weights.data() + static_cast<size_t>(at) * static_cast<size_t>(taps); }
};

double Lanczos(double x) {
  if (x <= -kLobes || x >= kLobes) return 0;
  const auto sinc = [](double t) { return t == 0 ? 1 : std::sin(t * std::numbers::pi) / (t * std::numbers::pi); };
  return sinc(x) * sinc(x / kLobes);
}

Axis MakeAxis(int from, int to) {
  const double scale = static_cast<double>(from) / to, widening = std::max(scale, 1.0), reach = kLobes * widening;
  Axis axis{.taps = static_cast<int>(std::ceil(reach)) * 2 + 1};
  axis.weights.assign(static_cast<size_t>(axis.taps) * static_cast<size_t>(to), 0);
  std::vector<double> shares(static_cast<size_t>(axis.taps));
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale;
    const int first = std::max(static_cast<int>(centre - reach + 0.5), 0);
    const int end = std::min(static_cast<int>(centre + reach + 0.5), from);
    double sum = 0;
    for (int k = first; k < end; ++k) {
      // A product, as in Pillow: a quotient would round otherwise now and then.
      const double share = Lanczos((k - centre + 0.5) * (1 / widening));
      shares[static_cast<size_t>(k - first)] = share;
      sum += share;
    }
    int32_t* weights = axis.weights.data() + static_cast<size_t>(i) * static_cast<size_t>(axis.taps);
    for (int k = 0; k < end - first; ++k) {
      const double exact = shares[static_cast<size_t>(k)] / sum * (1 << kWeightBits);
      weights[k] = static_cast<int32_t>(exact + (exact < 0 ? -0.5 : 0.5));
    }
    axis.first.push_back(first);
    axis.count.push_back(end - first);
  }
  return axis;
}

uint8_t ToByte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }

template <int kChannels>
void ResizeRow(const uint8_t* from, const Axis& axis, uint8_t* to) {
  for (size_t x = 0; x < axis.first.size(); ++x) {
    const int32_t* weights = axis.of(static_cast<int>(x));
    const uint8_t* at = from + kChannels * axis.first[x];
    std::array<int32_t, kChannels> sums;
    sums.fill(1 << (kWeightBits - 1));
    for (int k = 0; k < axis.count[x]; ++k, at += kChannels) {
      for (int c = 0; c < kChannels; ++c) sums[c] += weights[k] * at[c];
    }
    for (const int32_t sum : sums) *to++ = ToByte(sum);
  }
}

// `sums` is scratch of as many numbers as a row has samples.
DECAL_WIDER void MixRows(const uint8_t* rows, size_t samples, const Axis& axis, int y, int32_t* __restrict sums,
                         uint8_t* __restrict to) {
  std::fill_n(sums, samples, 1 << (kWeightBits - 1));
  const int32_t* weights = axis.of(y);
  const uint8_t* row = rows + static_cast<size_t>(axis.first[static_cast<size_t>(y)]) * samples;
  for (int k = 0; k < axis.count[static_cast<size_t>(y)]; ++k, row += samples) {
    const int32_t weight = weights[k];
    for (size_t x = 0; x < samples; ++x) sums[x] += weight * row[x];
  }
  for (size_t x = 0; x < samples; ++x) to[x] = ToByte(sums[x]);
}

// The rows of `from` at another width: `made` holds them where it differs.
const uint8_t* ResizeColumns(const Samples& from, int width, std::vector<uint8_t>& made, ThreadRunner& runner) {
  if (width == from.extent.width) return from.data;
  const Axis axis = MakeAxis(from.extent.width, width);
  const size_t given = static_cast<size_t>(from.extent.width) * static_cast<size_t>(from.channels);
  const size_t wanted = static_cast<size_t>(width) * static_cast<size_t>(from.channels);
  made.resize(wanted * static_cast<size_t>(from.extent.height));
  ParallelFor(runner, static_cast<size_t>(from.extent.height), [&](size_t y, size_t) {
    const auto resize = from.channels == 1 ? ResizeRow<1> : from.channels == 3 ? ResizeRow<3> : ResizeRow<4>;
    resize(from.data + y * given, axis, made.data() + y * wanted);
  });
  return made.data();
}

// Calls `use(y, samples of that row)` for every row of `rows` (of `height`, that many samples each) resized to `to_height`.
template <class UseRow>
void ForResizedRows(const uint8_t* rows, size_t samples, int height, int to_height, ThreadRunner& runner,
                    const UseRow& use) {
  if (height == to_height) {
    ParallelFor(runner, static_cast<size_t>(height), [&](size_t y, size_t) { use(y, rows + y * samples); });
    return;
  }
  const Axis axis = MakeAxis(height, to_height);
  const size_t threads = runner.thread_count();
  std::vector<int32_t> sums(samples * threads);
  std::vector<uint8_t> mixed(samples * threads);
  ParallelFor(runner, static_cast<size_t>(to_height), [&](size_t y, size_t thread) {
    uint8_t* row = mixed.data() + thread * samples;
    MixRows(rows, samples, axis, static_cast<int>(y), sums.data() + thread * samples, row);
    use(y, row);
  });
}

// a * b / 255, rounded.
uint8_t Times(uint8_t a, uint8_t b) {
  const uint32_t product = uint32_t{a} * b + 128;
  return static_cast<uint8_t>((product + (product >> 8)) >> 8);
}

template <int kChannels>
void PasteRow(const uint8_t* __restrict from, const uint8_t* __restrict mask, int width, uint8_t* __restrict to) {
  for (int x = 0; x < width; ++x, from += kChannels, to += 4) {
    const uint8_t share = mask[x];
    for (int c = 0; c < 3; ++c) to[c] = Times(from[c], share);
    to[3] = kChannels == 4 ? Times(from[kChannels - 1], share) : share;
  }
}

}  // namespace

void ResizeLanczos(const Samples& from, Extent extent, uint8_t* to, ThreadRunner& runner) {
  std::vector<uint8_t> made;
  const uint8_t* rows = ResizeColumns(from, extent.width, made, runner);
  const size_t samples = static_cast<size_t>(extent.width) * static_cast<size_t>(from.channels);
  ForResizedRows(rows, samples, from.extent.height, extent.height, runner,
                 [&](size_t y, const uint8_t* row) { std::memcpy(to + y * samples, row, samples); });
}

void PasteThrough(const Samples& picture, const Samples& mask, uint8_t* to, ThreadRunner& runner) {
  const auto width = static_cast<size_t>(picture.extent.width), channels = static_cast<size_t>(picture.channels);
  std::vector<uint8_t> made;
  const uint8_t* rows = ResizeColumns(mask, picture.extent.width, made, runner);
  ForResizedRows(rows, width, mask.extent.height, picture.extent.height, runner, [&](size_t y, const uint8_t* row) {
    const auto paste = channels == 3 ? PasteRow<3> : PasteRow<4>;
    paste(picture.data + y * width * channels, row, picture.extent.width, to + y * width * 4);
  });
}

}  // namespace decal::python
