// Where a second pass looks, and joining its matte with the first one's.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/second_pass.h"

#include <algorithm>
#include <cmath>

namespace decal {
namespace {

// In percent: of the subject's longer side, around it; of the picture, at most; and the overlap of both passes' subjects, at
// least. Chosen with the default model: training/README.md.
constexpr int kMargin = 15, kMostArea = 90, kAgreement = 75;
constexpr int kFadeShare = 16;  // of the part's cells along each of its sides, over which the second pass fades in
constexpr float kSurest = 0.002f;  // what one pass is sure of, the other may still doubt
// Further than this from one half on both sides (logits of 1), passes contradict each other.
constexpr float kOpposed = 0.23f;

struct CellRange {
  int begin, length;
};

// `at` of `from`, in `to` equal steps, rounded.
int Scaled(int64_t at, int from, int to) { return static_cast<int>((2 * at * to + from) / (2 * int64_t{from})); }

// The cells that so many pixels with a margin reach into.
CellRange CellsOf(int begin, int length, int margin, int pixels, int cells) {
  const int64_t end = std::min(begin + length + margin, pixels);
  const int first = static_cast<int>(int64_t{std::max(begin - margin, 0)} * cells / pixels);
  return {first, static_cast<int>((end * cells + pixels - 1) / pixels) - first};
}

// What both say: the mean of their logits, as alpha. Where they contradict each other, what the surer one says, or else the first: their
// mean would be a half-transparent part that no one wants.
float Agreed(float a, float b) {
  const float first = a - 0.5f, second = b - 0.5f;
  if (first * second < 0 && std::min(std::abs(first), std::abs(second)) > kOpposed)
    return std::abs(second) > std::abs(first) ? b : a;
  a = std::clamp(a, kSurest, 1 - kSurest);
  b = std::clamp(b, kSurest, 1 - kSurest);
  const float subject = std::sqrt(a * b), background = std::sqrt((1 - a) * (1 - b));
  return std::clamp((subject / (subject + background) - kSurest) / (1 - 2 * kSurest), 0.0f, 1.0f);
}

// The weight of cell `i` of a part's `count`, which begin at `begin` of `whole`. At the picture's own ends there is nothing to fade into.
float Weight(int i, int begin, int count, int whole) {
  const int fade = std::max(1, count / kFadeShare);
  const int before = begin == 0 ? fade : i, after = begin + count == whole ? fade : count - 1 - i;
  return std::min(1.0f, (static_cast<float>(std::min(before, after)) + 0.5f) / static_cast<float>(fade));
}

}  // namespace

Box ChooseCloserView(Extent picture, const Box& subject, Extent cells) {
  if (subject.width <= 0 || picture.width < cells.width / 2 || picture.height < cells.height / 2) return {};
  const int margin = std::max(subject.width, subject.height) * kMargin / 100;
  const CellRange across = CellsOf(subject.x, subject.width, margin, picture.width, cells.width);
  const CellRange down = CellsOf(subject.y, subject.height, margin, picture.height, cells.height);
  if (int64_t{100} * across.length * down.length > int64_t{kMostArea} * cells.width * cells.height) return {};
  return {across.begin, down.begin, across.length, down.length};
}

Box PixelsUnder(const Box& part, Extent cells, Extent picture) {
  const int x = Scaled(part.x, cells.width, picture.width), y = Scaled(part.y, cells.height, picture.height);
  const int right = Scaled(part.x + part.width, cells.width, picture.width);
  const int bottom = Scaled(part.y + part.height, cells.height, picture.height);
  return {x, y, right - x, bottom - y};
}

void JoinPasses(std::span<float> matte, Extent cells, const Box& part, MatteView second) {
  int both = 0, either = 0;
  for (const bool agreed : {false, true}) {
    for (int y = 0; y < part.height; ++y) {
      const int top = Scaled(y, part.height, second.height),
                bottom = std::max(top + 1, Scaled(y + 1, part.height, second.height));
      for (int x = 0; x < part.width; ++x) {
        const int left = Scaled(x, part.width, second.width),
                  right = std::max(left + 1, Scaled(x + 1, part.width, second.width));
        float closer = 0;
        for (int row = top; row < bottom; ++row) {
          for (int column = left; column < right; ++column) closer += second.data[row * second.width + column];
        }
        closer /= static_cast<float>((bottom - top) * (right - left));
        float& value = matte[static_cast<size_t>((part.y + y) * cells.width + part.x + x)];
        if (agreed) {
          value += Weight(x, part.x, part.width, cells.width) * Weight(y, part.y, part.height, cells.height) *
                   (Agreed(value, closer) - value);
        } else {
          const bool before = value >= 0.5f, now = closer >= 0.5f;
          both += before && now;
          either += before || now;
        }
      }
    }
    if (both == 0 || int64_t{100} * both < int64_t{kAgreement} * either) return;
  }
}

}  // namespace decal
