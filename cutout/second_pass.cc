// Where a second pass looks, and joining its matte with the first one's.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/second_pass.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "cutout/resample.h"

namespace decal {
namespace {

// Chosen with the default model, see training/README.md: of the subject's longer side, around it; of the picture, at most; and
// the overlap of both passes' subjects, at least.
constexpr double kMargin = 0.15, kMostArea = 0.9, kAgreement = 0.75;
constexpr int kClosest = 4;      // times the first pass's cells; bounds the joined matte
constexpr int kFadeShare = 16;   // of the part's cells along each of its sides, over which the second pass fades in
constexpr float kSurest = 0.002f;  // what a pass knows for certain the other one may still doubt

struct Span {
  int begin, length, first, whole;
};

// One axis: the part of `pixels` around begin..end. Its cells are cells of a whole that many times finer.
Span Around(double begin, double end, int pixels, int cells) {
  begin = std::max(0.0, begin);
  end = std::min<double>(pixels, end);
  const int whole = std::clamp(static_cast<int>(cells * static_cast<double>(pixels) / (end - begin)), cells, kClosest * cells);
  const double cell = static_cast<double>(pixels) / whole;
  const double middle = (begin + end) / 2 / cell;
  const int first = std::clamp(static_cast<int>(std::lround(middle - cells / 2.0)), 0, whole - cells);
  const int from = std::min(static_cast<int>(std::lround(first * cell)), pixels - 1);
  const int to = std::max(static_cast<int>(std::lround((first + cells) * cell)), from + 1);
  return {from, to - from, first, whole};
}

// The two cells of the first pass between which the centre of each cell of the whole lies, and the second one's weight.
struct Between {
  int low, high;
  float share;
};

std::vector<Between> Places(int cells, int whole) {
  std::vector<Between> places(static_cast<size_t>(whole));
  for (int i = 0; i < whole; ++i) {
    const float at = (static_cast<float>(i) + 0.5f) * static_cast<float>(cells) / static_cast<float>(whole) - 0.5f;
    const int low = static_cast<int>(std::floor(at));
    places[static_cast<size_t>(i)] = {std::clamp(low, 0, cells - 1), std::clamp(low + 1, 0, cells - 1), at - static_cast<float>(low)};
  }
  return places;
}

// The weight of each of a part's cells along one axis. At the picture's own ends there is nothing to fade into.
std::vector<float> Weights(int first, int cells, int whole) {
  const int fade = std::max(1, cells / kFadeShare);
  std::vector<float> weights(static_cast<size_t>(cells));
  for (int i = 0; i < cells; ++i) {
    const int before = first == 0 ? fade : i, after = first + cells == whole ? fade : cells - 1 - i;
    weights[static_cast<size_t>(i)] =
        std::min(1.0f, (static_cast<float>(std::min(before, after)) + 0.5f) / static_cast<float>(fade));
  }
  return weights;
}

// What both say: the mean of their logits, as alpha.
float Agreed(float a, float b) {
  a = std::clamp(a, kSurest, 1 - kSurest);
  b = std::clamp(b, kSurest, 1 - kSurest);
  const float subject = std::sqrt(a * b), background = std::sqrt((1 - a) * (1 - b));
  return (subject / (subject + background) - kSurest) / (1 - 2 * kSurest);
}

const float* Values(const Buffer& buffer) { return reinterpret_cast<const float*>(buffer.data()); }

}  // namespace

std::optional<CloserView> ChooseCloserView(Extent picture, const Box& subject, Extent cells) {
  if (subject.width <= 0 || subject.height <= 0) return std::nullopt;
  const double margin = kMargin * std::max(subject.width, subject.height);
  const Span across = Around(subject.x - margin, subject.x + subject.width + margin, picture.width, cells.width);
  const Span down = Around(subject.y - margin, subject.y + subject.height + margin, picture.height, cells.height);
  const double area = static_cast<double>(across.length) * down.length;
  if (area > kMostArea * picture.width * picture.height) return std::nullopt;
  return CloserView{{across.begin, down.begin, across.length, down.length}, {across.whole, down.whole}, across.first, down.first};
}

Result<CloserMatte> CloserMatte::Create(const CloserView& part, MatteView first) {
  CloserMatte matte;
  matte.part_ = part;
  matte.cells_ = {first.width, first.height};
  const auto cells = static_cast<uint64_t>(first.width) * static_cast<uint64_t>(first.height);
  DECAL_TRY_ASSIGN(matte.first_, AllocateArray<float>(cells, "the matte"));
  std::memcpy(matte.first_.data(), first.data, cells * sizeof(float));
  return matte;
}

Status CloserMatte::Add(MatteView second) {
  const auto [whole_width, whole_height] = part_.whole;
  const auto width = static_cast<size_t>(whole_width);
  DECAL_TRY_ASSIGN(joined_, AllocateArray<float>(width * static_cast<uint64_t>(whole_height), "the matte"));
  auto* values = reinterpret_cast<float*>(joined_.data());
  const std::vector<Between> columns = Places(cells_.width, whole_width), rows = Places(cells_.height, whole_height);
  const std::vector<float> across = Weights(part_.x, second.width, whole_width), down = Weights(part_.y, second.height, whole_height);
  int64_t both = 0, either = 0;
  for (int y = 0; y < whole_height; ++y) {
    const auto [low, high, share] = rows[static_cast<size_t>(y)];
    const float* above = Values(first_) + static_cast<size_t>(low) * static_cast<size_t>(cells_.width);
    const float* below = Values(first_) + static_cast<size_t>(high) * static_cast<size_t>(cells_.width);
    float* row = values + static_cast<size_t>(y) * width;
    for (size_t x = 0; x < width; ++x) {
      const Between& column = columns[x];
      const float left = above[column.low] + share * (below[column.low] - above[column.low]);
      const float right = above[column.high] + share * (below[column.high] - above[column.high]);
      row[x] = left + column.share * (right - left);
    }
    const int line = y - part_.y;
    if (line < 0 || line >= second.height) continue;
    const float* closer = second.data + static_cast<size_t>(line) * static_cast<size_t>(second.width);
    float* into = row + part_.x;
    for (size_t x = 0; x < across.size(); ++x) {
      const bool before = into[x] >= 0.5f, now = closer[x] >= 0.5f;
      both += before && now;
      either += before || now;
      into[x] += across[x] * down[static_cast<size_t>(line)] * (Agreed(into[x], closer[x]) - into[x]);
    }
  }
  if (static_cast<double>(both) < kAgreement * static_cast<double>(either)) joined_ = {};
  return {};
}

MatteView CloserMatte::view() const {
  if (joined_.size_bytes() > 0) return {Values(joined_), part_.whole.width, part_.whole.height};
  return {Values(first_), cells_.width, cells_.height};
}

float CloserMatte::coverage() const {
  const MatteView matte = view();
  const size_t cells = static_cast<size_t>(matte.width) * static_cast<size_t>(matte.height);
  double sum = 0;
  for (size_t i = 0; i < cells; ++i) sum += matte.data[i];
  return static_cast<float>(sum / static_cast<double>(cells));
}

}  // namespace decal
