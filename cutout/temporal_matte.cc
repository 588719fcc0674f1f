// The running means of a stream's mattes and colours, cell by cell, and how much each new frame counts.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "cutout/matte_rows.h"
#include "cutout/resample.h"
#include "decal/cutout.h"
#include "decal/temporal.h"

namespace decal {
namespace {

// How much a frame counts in a cell where nothing moved.
constexpr float kStillWeight = 0.15f;
// Differences of colour, in levels of 255: up to the first nothing moved, from the second on something did.
constexpr float kStillLevels = 2.5f;
constexpr float kMovedLevels = 7.0f;

constexpr int kCellRows = 8;

// Which plane is what: the frame's colours and the mean ones, three each, the mean matte, how much moved, and that over its neighbourhood.
enum Plane : size_t { kColour = 0, kMeanColour = 3, kMeanMatte = 6, kMoved = 7, kSpread = 8, kPlanes = 9 };

template <class RowFn>
void ForCellRows(int height, ThreadRunner& runner, const RowFn& row) {
  const size_t tasks = (static_cast<size_t>(height) + kCellRows - 1) / kCellRows;
  ParallelFor(runner, tasks, [&](size_t task, size_t thread) {
    const int begin = static_cast<int>(task) * kCellRows;
    const int end = std::min(height - begin, kCellRows) + begin;
    for (int y = begin; y < end; ++y) row(y, thread);
  });
}

// Where cell `index` of `cells` begins among `pixels`; a cell has at least one.
int FirstPixel(int index, int cells, int pixels) {
  return static_cast<int>(std::min<int64_t>(int64_t{index} * pixels / cells, pixels - 1));
}
int EndPixel(int index, int cells, int pixels) {
  const int end = static_cast<int>((int64_t{index} + 1) * pixels / cells);
  return std::max(end, FirstPixel(index, cells, pixels) + 1);
}

}  // namespace

struct TemporalMatte::Impl {
  Extent picture, extent;
  bool has_last = false;
  Buffer planes;  // kPlanes of extent.width * extent.height floats
  Buffer sums;  // for each thread, of the picture's columns

  size_t width() const { return static_cast<size_t>(extent.width); }
  size_t cells() const { return width() * static_cast<size_t>(extent.height); }
  float* plane(size_t index) { return reinterpret_cast<float*>(planes.data()) + index * cells(); }
  float* row(size_t index, int y) { return plane(index) + static_cast<size_t>(y) * width(); }
  size_t sums_stride() const { return AlignUp(4 * static_cast<size_t>(picture.width), kAlignment / sizeof(uint32_t)); }

  Status Allocate(Extent of_picture, Extent of_matte, size_t threads);
  void Reduce(ImageView from, int y, uint32_t* columns);
  void Differ(int y);
  void Spread(int y);
  void Blend(MatteView matte, int y);
};

Status TemporalMatte::Impl::Allocate(Extent of_picture, Extent of_matte, size_t threads) {
  const size_t stride = AlignUp(4 * static_cast<size_t>(of_picture.width), kAlignment / sizeof(uint32_t));
  if (of_picture != picture || of_matte != extent) {
    has_last = false;
    picture = extent = {};
    const uint64_t count = static_cast<uint64_t>(of_matte.width) * static_cast<uint64_t>(of_matte.height);
    DECAL_TRY_ASSIGN(planes, AllocateArray<float>(kPlanes * count, "the mattes of a stream"));
    sums = {};
  }
  if (sums.size_bytes() < stride * threads * sizeof(uint32_t)) {
    DECAL_TRY_ASSIGN(sums, AllocateArray<uint32_t>(uint64_t{stride} * threads, "picture rows"));
  }
  picture = of_picture;
  extent = of_matte;
  return {};
}

// Row `y` of the cells' colours: the mean of the pixels in each. Sums are whole numbers, so that their order is of no consequence.
void TemporalMatte::Impl::Reduce(ImageView from, int y, uint32_t* columns) {
  const int top = FirstPixel(y, extent.height, from.height), bottom = EndPixel(y, extent.height, from.height);
  const size_t bytes = 4 * static_cast<size_t>(from.width);
  std::fill_n(columns, bytes, 0u);
  for (int line = top; line < bottom; ++line) {
    const uint8_t* pixels = from.row(line);
    for (size_t i = 0; i < bytes; ++i) columns[i] += pixels[i];
  }
  float* colour[3] = {row(kColour, y), row(kColour + 1, y), row(kColour + 2, y)};
  for (int x = 0; x < extent.width; ++x) {
    const int left = FirstPixel(x, extent.width, from.width), right = EndPixel(x, extent.width, from.width);
    uint64_t sum[3] = {};
    for (int column = left; column < right; ++column) {
      for (int c = 0; c < 3; ++c) sum[c] += columns[4 * column + c];
    }
    const float count = static_cast<float>(int64_t{right - left} * (bottom - top));
    for (int c = 0; c < 3; ++c) colour[c][x] = static_cast<float>(sum[c]) / count;
  }
}

// How far each cell's colour is from the mean one: green, which carries most of the light, counts twice.
void TemporalMatte::Impl::Differ(int y) {
  const float *r = row(kColour, y), *g = row(kColour + 1, y), *b = row(kColour + 2, y);
  const float *mean_r = row(kMeanColour, y), *mean_g = row(kMeanColour + 1, y), *mean_b = row(kMeanColour + 2, y);
  float* out = row(kMoved, y);
  for (size_t x = 0; x < width(); ++x)
    out[x] = (std::abs(r[x] - mean_r[x]) + 2 * std::abs(g[x] - mean_g[x]) + std::abs(b[x] - mean_b[x])) / 4;
}

// Means over 3 x 3 cells, whose noise is a third.
void TemporalMatte::Impl::Spread(int y) {
  const float* rows[3] = {row(kMoved, std::max(y - 1, 0)), row(kMoved, y),
                          row(kMoved, std::min(y + 1, extent.height - 1))};
  float* out = row(kSpread, y);
  const size_t last = width() - 1;
  for (size_t x = 0; x <= last; ++x) {
    const size_t left = x > 0 ? x - 1 : 0, right = std::min(x + 1, last);
    float sum = 0;
    for (const float* from : rows) sum += from[left] + from[x] + from[right];
    out[x] = sum / 9;
  }
}

// The new means. What moved within two cells counts: the network sees further than one.
void TemporalMatte::Impl::Blend(MatteView matte, int y) {
  const size_t last = width() - 1;
  float *mean = row(kMeanMatte, y), *moved = row(kMoved, y);
  const float* frame = matte.data + static_cast<size_t>(y) * width();
  const int top = std::max(y - 2, 0), bottom = std::min(y + 2, extent.height - 1);
  std::copy_n(row(kSpread, top), width(), moved);
  for (int line = top + 1; line <= bottom; ++line) {
    const float* from = row(kSpread, line);
    for (size_t x = 0; x <= last; ++x) moved[x] = std::max(moved[x], from[x]);
  }
  for (size_t x = 0; x <= last; ++x) {
    float most = moved[x];
    for (size_t near = x > 2 ? x - 2 : 0; near <= std::min(x + 2, last); ++near) most = std::max(most, moved[near]);
    const float share = std::clamp((most - kStillLevels) / (kMovedLevels - kStillLevels), 0.0f, 1.0f);
    const float weight = kStillWeight + (1 - kStillWeight) * share;
    mean[x] += weight * (CleanMatte(frame[x]) - mean[x]);
    for (size_t c = 0; c < 3; ++c) {
      float& colour = row(kMeanColour + c, y)[x];
      colour += weight * (row(kColour + c, y)[x] - colour);
    }
  }
}

TemporalMatte::TemporalMatte() : impl_(std::make_unique<Impl>()) {}
TemporalMatte::TemporalMatte(TemporalMatte&&) noexcept = default;
TemporalMatte& TemporalMatte::operator=(TemporalMatte&&) noexcept = default;
TemporalMatte::~TemporalMatte() = default;

void TemporalMatte::Reset() { impl_->has_last = false; }

size_t TemporalMatte::memory_bytes() const { return impl_->planes.size_bytes() + impl_->sums.size_bytes(); }

Result<MatteView> TemporalMatte::Next(ImageView picture, MatteView matte, ThreadRunner& runner) {
  Impl& impl = *impl_;
  const bool has_last = std::exchange(impl.has_last, false);
  DECAL_TRY(CheckPicture(picture));
  if (matte.data == nullptr || matte.width <= 0 || matte.height <= 0)
    return Fail(ErrorCode::kInvalidArgument, "the matte is empty");
  const bool same = has_last && impl.picture == Extent{picture.width, picture.height} &&
                    impl.extent == Extent{matte.width, matte.height};
  DECAL_TRY(impl.Allocate({picture.width, picture.height}, {matte.width, matte.height}, runner.thread_count()));
  ForCellRows(matte.height, runner, [&](int y, size_t thread) {
    impl.Reduce(picture, y, reinterpret_cast<uint32_t*>(impl.sums.data()) + thread * impl.sums_stride());
    if (same) impl.Differ(y);
  });
  if (same) {
    ForCellRows(matte.height, runner, [&](int y, size_t) { impl.Spread(y); });
    ForCellRows(matte.height, runner, [&](int y, size_t) { impl.Blend(matte, y); });
  } else {
    std::copy_n(impl.plane(kColour), 3 * impl.cells(), impl.plane(kMeanColour));
    for (size_t i = 0; i < impl.cells(); ++i) impl.plane(kMeanMatte)[i] = CleanMatte(matte.data[i]);
  }
  impl.has_last = true;
  return MatteView{impl.plane(kMeanMatte), matte.width, matte.height};
}

}  // namespace decal
