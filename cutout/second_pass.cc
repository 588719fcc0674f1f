// Where a second pass looks, and joining its matte with the first one's.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/second_pass.h"

#include <algorithm>
#include <cmath>

#include "cutout/resample.h"

namespace decal {
namespace {

// Of the subject's longer side, around it; of the picture, at most; and the overlap of both passes' subjects, at least. Chosen with
// the default model: training/README.md.
constexpr double kMargin = 0.15, kMostArea = 0.9, kAgreement = 0.75;
constexpr int kFadeShare = 16;     // of the part's cells along each of its sides, over which the second pass fades in
constexpr float kSurest = 0.002f;  // what one pass is sure of, the other may still doubt

struct Span {
  int begin, end;
};

// The cells that begin..end, in pixels, reaches into.
Span CellsOf(double begin, double end, int pixels, int cells) {
  const double each = static_cast<double>(pixels) / cells;
  const int first = std::clamp(static_cast<int>(std::floor(begin / each)), 0, cells - 1);
  return {first, std::clamp(static_cast<int>(std::ceil(end / each)), first + 1, cells)};
}

int PixelOf(int cell, int pixels, int cells) { return static_cast<int>((int64_t{2} * cell * pixels + cells) / (2 * cells)); }

// What both say: the mean of their logits, as alpha.
float Agreed(float a, float b) {
  a = std::clamp(a, kSurest, 1 - kSurest);
  b = std::clamp(b, kSurest, 1 - kSurest);
  const float subject = std::sqrt(a * b), background = std::sqrt((1 - a) * (1 - b));
  return std::clamp((subject / (subject + background) - kSurest) / (1 - 2 * kSurest), 0.0f, 1.0f);
}

// The weight of one of a part's cells along one axis. At the picture's own ends there is nothing to fade into.
float Weight(int i, int begin, int end, int whole) {
  const int fade = std::max(1, (end - begin) / kFadeShare);
  const int before = begin == 0 ? fade : i - begin, after = end == whole ? fade : end - 1 - i;
  return std::min(1.0f, (static_cast<float>(std::min(before, after)) + 0.5f) / static_cast<float>(fade));
}

// `matte` in so many cells, in rows.
Result<Buffer> Resized(MatteView matte, Extent cells) {
  DECAL_TRY_ASSIGN(const ResampleAxis rows, ResampleAxis::Create(matte.height, cells.height));
  DECAL_TRY_ASSIGN(const ResampleAxis columns, ResampleAxis::Create(matte.width, cells.width));
  const auto width = static_cast<size_t>(cells.width), height = static_cast<size_t>(matte.height);
  DECAL_TRY_ASSIGN(Buffer narrow, AllocateArray<float>(uint64_t{width} * height, "the matte"));
  DECAL_TRY_ASSIGN(Buffer resized, AllocateArray<float>(uint64_t{width} * static_cast<uint64_t>(cells.height), "the matte"));
  auto* across = reinterpret_cast<float*>(narrow.data());
  for (size_t y = 0; y < height; ++y) {
    const float* row = matte.data + y * static_cast<size_t>(matte.width);
    for (int x = 0; x < cells.width; ++x) {
      float sum = 0;
      for (int tap = 0; tap < columns.taps(); ++tap) sum += columns.weights(x)[tap] * row[columns.first(x) + tap];
      across[y * width + static_cast<size_t>(x)] = sum;
    }
  }
  auto* to = reinterpret_cast<float*>(resized.data());
  std::fill_n(to, width * static_cast<size_t>(cells.height), 0.0f);
  for (int y = 0; y < cells.height; ++y, to += width) {
    for (int tap = 0; tap < rows.taps(); ++tap) {
      const float* row = across + static_cast<size_t>(rows.first(y) + tap) * width;
      for (size_t x = 0; x < width; ++x) to[x] += rows.weights(y)[tap] * row[x];
    }
  }
  return resized;
}

}  // namespace

std::optional<CloserView> ChooseCloserView(Extent picture, const Box& subject, Extent cells) {
  if (subject.width <= 0 || subject.height <= 0) return std::nullopt;
  if (picture.width < cells.width / 2 || picture.height < cells.height / 2) return std::nullopt;
  const double margin = kMargin * std::max(subject.width, subject.height);
  const auto [left, right] =
      CellsOf(subject.x - margin, subject.x + subject.width + margin, picture.width, cells.width);
  const auto [top, bottom] =
      CellsOf(subject.y - margin, subject.y + subject.height + margin, picture.height, cells.height);
  const double share = static_cast<double>(right - left) / cells.width * (bottom - top) / cells.height;
  if (share > kMostArea) return std::nullopt;
  const int x = PixelOf(left, picture.width, cells.width), y = PixelOf(top, picture.height, cells.height);
  return CloserView{{x, y, PixelOf(right, picture.width, cells.width) - x, PixelOf(bottom, picture.height, cells.height) - y},
                    {left, top, right - left, bottom - top}};
}

Status JoinPasses(std::span<float> matte, Extent cells, const Box& part, MatteView second) {
  DECAL_TRY_ASSIGN(const Buffer resized, Resized(second, {part.width, part.height}));
  const auto* closer = reinterpret_cast<const float*>(resized.data());
  const auto row = [&](int y) { return matte.subspan(static_cast<size_t>(y) * static_cast<size_t>(cells.width)); };
  const int right = part.x + part.width, bottom = part.y + part.height;
  int64_t both = 0, either = 0;
  const float* seen = closer;
  for (int y = part.y; y < bottom; ++y) {
    for (int x = part.x; x < right; ++x, ++seen) {
      const bool before = row(y)[static_cast<size_t>(x)] >= 0.5f, now = *seen >= 0.5f;
      both += before && now;
      either += before || now;
    }
  }
  if (both == 0 || static_cast<double>(both) < kAgreement * static_cast<double>(either)) return {};
  for (int y = part.y; y < bottom; ++y) {
    const float down = Weight(y, part.y, bottom, cells.height);
    for (int x = part.x; x < right; ++x, ++closer) {
      float& value = row(y)[static_cast<size_t>(x)];
      value += down * Weight(x, part.x, right, cells.width) * (Agreed(value, *closer) - value);
    }
  }
  return {};
}

}  // namespace decal
