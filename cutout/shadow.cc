// A shadow of ambient light, as under an overcast sky: darkest where subject and ground meet.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/shadow.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "cutout/pixel.h"
#include "cutout/resample.h"

namespace decal {
namespace {

constexpr int kLongestSide = 384;
constexpr float kGroundAlpha = 0.25f;  // alpha from which a cell stands on the ground
// Shares of the subject's size (the mean of its width and height), found by eye: how flat the silhouette lies, how far the wide and
// the tight part are blurred, and how much of the darkness is each one's.
constexpr float kFlat = 0.07f, kWideBlur = 0.05f, kTightBlur = 0.012f, kWideShare = 0.55f, kTightShare = 0.6f;
// The tight part is of what is so near the lowest point of its column's neighbourhood.
constexpr float kContact = 0.05f;

struct GroundCells {
  int width, height;
  std::vector<float> values;

  float& at(int x, int y) {
    return values[static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)];
  }
  float get(int x, int y) const {
    if (x < 0 || y < 0 || x >= width || y >= height) return 0;
    return const_cast<GroundCells*>(this)->at(x, y);
  }
};

GroundCells Empty(int width, int height) {
  return {width, height, std::vector<float>(static_cast<size_t>(width) * static_cast<size_t>(height))};
}

// Means of the plane's cells.
GroundCells Reduced(const AlphaPlane& plane, ThreadRunner& runner) {
  const double scale = std::min(1.0, static_cast<double>(kLongestSide) / std::max(plane.width, plane.height));
  GroundCells cells =
      Empty(std::max(1, static_cast<int>(plane.width * scale)), std::max(1, static_cast<int>(plane.height * scale)));
  ParallelFor(runner, static_cast<size_t>(cells.height), [&](size_t task, size_t) {
    const int y = static_cast<int>(task);
    const auto begin = [](int i, int of, int count) { return static_cast<int>(int64_t{i} * of / count); };
    const int top = begin(y, plane.height, cells.height), bottom = begin(y + 1, plane.height, cells.height);
    for (int x = 0; x < cells.width; ++x) {
      const int left = begin(x, plane.width, cells.width), right = begin(x + 1, plane.width, cells.width);
      uint64_t sum = 0;
      for (int row = top; row < bottom; ++row) {
        for (int i = left; i < right; ++i) sum += plane.row(row)[i];
      }
      const auto count = static_cast<uint64_t>(right - left) * static_cast<uint64_t>(bottom - top);
      cells.at(x, y) = static_cast<float>(sum) / static_cast<float>(255 * count);
    }
  });
  return cells;
}

// Three means one after the other, near to a Gaussian of that standard deviation along one axis.
void Blur(GroundCells& cells, float sigma, bool down) {
  const int reach = std::max(1, static_cast<int>(std::lround(std::sqrt(sigma * sigma + 0.25f) - 0.5f)));
  const int lines = down ? cells.width : cells.height, length = down ? cells.height : cells.width;
  std::vector<float> line(static_cast<size_t>(length));
  for (int pass = 0; pass < 3; ++pass) {
    for (int i = 0; i < lines; ++i) {
      const auto value = [&](int k) { return down ? cells.get(i, k) : cells.get(k, i); };
      float sum = 0;
      for (int k = -reach; k <= reach; ++k) sum += value(k);
      for (int k = 0; k < length; ++k) {
        line[static_cast<size_t>(k)] = std::max(sum, 0.0f) / static_cast<float>(2 * reach + 1);
        sum += value(k + reach + 1) - value(k - reach);
      }
      for (int k = 0; k < length; ++k) (down ? cells.at(i, k) : cells.at(k, i)) = line[static_cast<size_t>(k)];
    }
  }
}

}  // namespace

Result<Shadow> CastShadow(const AlphaPlane& plane, float strength, ThreadRunner& runner) {
  Shadow shadow;
  const GroundCells subject = Reduced(plane, runner);
  DECAL_TRY_ASSIGN(shadow.cells, AllocateArray<float>(subject.values.size(), "a shadow"));
  auto* out = reinterpret_cast<float*>(shadow.cells.data());
  shadow.view = {out, subject.width, subject.height};
  std::fill_n(out, subject.values.size(), 0.0f);
  int left = subject.width, right = -1, top = subject.height, bottom = -1;
  for (int y = 0; y < subject.height; ++y) {
    for (int x = 0; x < subject.width; ++x) {
      if (subject.get(x, y) < kGroundAlpha) continue;
      left = std::min(left, x), right = std::max(right, x), top = std::min(top, y), bottom = y;
    }
  }
  if (bottom < 0) return shadow;
  const float size = 0.5f * static_cast<float>(right - left + bottom - top + 2);
  const float flat = std::max(1.0f, kFlat * size), height = static_cast<float>(bottom - top + 1);
  // Half of the flat silhouette lies behind the subject, half before it.
  GroundCells wide = Empty(subject.width, subject.height), tight = Empty(subject.width, subject.height);
  for (int y = 0; y < subject.height; ++y) {
    const float before = (static_cast<float>(y - bottom) + flat / 2) / flat;  // 0 at its top, 1 at its end
    if (before >= 0 && before <= 1) {
      const int from = bottom - static_cast<int>((1 - before) * (height - 1));
      for (int x = 0; x < subject.width; ++x) wide.at(x, y) = subject.get(x, from);
    }
    if (y > bottom || static_cast<float>(bottom - y) > kContact * height) continue;
    for (int x = 0; x < subject.width; ++x) tight.at(x, y) = subject.get(x, y);
  }
  Blur(wide, kWideBlur * size, false);
  Blur(wide, 0.5f * kWideBlur * size, true);
  Blur(tight, kTightBlur * size, false);
  Blur(tight, kTightBlur * size, true);
  // A frame may show more than the picture, whose border must not cut the shadow off.
  const float fade = std::max(1.0f, kWideBlur * size);
  for (int y = 0; y < subject.height; ++y) {
    for (int x = 0; x < subject.width; ++x, ++out) {
      const int to_border = std::min({x, subject.width - 1 - x, subject.height - 1 - y});
      const float dark = std::clamp(kWideShare * wide.at(x, y) + kTightShare * tight.at(x, y), 0.0f, 1.0f) *
                         std::min(static_cast<float>(to_border) / fade, 1.0f);
      *out = strength * dark < 0.002f ? 0.0f : strength * dark;
    }
  }
  return shadow;
}

void PutShadowBehind(const float* darkness, size_t count, uint8_t* rgba) {
  for (size_t x = 0; x < count; ++x) {
    if (darkness[x] <= 0 || rgba[4 * x + 3] == 255) continue;
    const float front = static_cast<float>(rgba[4 * x + 3]) * (1.0f / 255);
    const float total = front + darkness[x] * (1 - front);
    const auto colour = [&](size_t c) { return ToByte(static_cast<float>(rgba[4 * x + c]) * (front / total)); };
    const uint32_t alpha = ToByte(total * 255);
    StorePixel(rgba, x, alpha == 0 ? 0 : PackPixel(colour(0), colour(1), colour(2), alpha));
  }
}

}  // namespace decal
