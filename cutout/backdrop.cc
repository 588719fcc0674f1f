// Puts pictures behind cut-outs, and makes the frame itself one of them: halved until a pixel is as wide as the blur, then doubled again.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "decal/backdrop.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "cutout/backdrop_rows.h"
#include "cutout/matte_rows.h"
#include "cutout/scratch.h"

namespace decal {
namespace {

int HalfOf(int size) { return (size + 1) / 2; }
Extent HalfOf(Extent extent) { return {HalfOf(extent.width), HalfOf(extent.height)}; }

// Calls row(y, thread) for all rows, several to a task.
template <class RowFn>
void ForBackdropRows(int height, ThreadRunner& runner, const RowFn& row) {
  constexpr int kRows = 16;
  const size_t tasks = (static_cast<size_t>(height) + kRows - 1) / kRows;
  ParallelFor(runner, tasks, [&](size_t task, size_t thread) {
    const int begin = static_cast<int>(task) * kRows, end = std::min(height - begin, kRows) + begin;
    for (int y = begin; y < end; ++y) row(y, thread);
  });
}

// Doubling by linear interpolation: a pixel lies a quarter of a coarse one away from its own and three quarters from the next.
struct CoarsePixels {
  int near, far;
};
CoarsePixels CoarseOf(int fine, int coarse_count) {
  const int near = fine / 2;
  return {near, std::clamp(fine % 2 == 0 ? near - 1 : near + 1, 0, coarse_count - 1)};
}

// Row `y` of `behind` at twice its size. `sums` holds four numbers for each of its pixels.
void EnlargeRow(ImageView behind, int y, int width, uint16_t* sums, uint8_t* out) {
  const CoarsePixels rows = CoarseOf(y, behind.height);
  const uint8_t *near = behind.row(rows.near), *far = behind.row(rows.far);
  for (size_t i = 0; i < 4 * static_cast<size_t>(behind.width); ++i)
    sums[i] = static_cast<uint16_t>(3 * near[i] + far[i]);
  for (int x = 0; x < width; ++x) {
    const CoarsePixels columns = CoarseOf(x, behind.width);
    const uint16_t *own = sums + 4 * columns.near, *next = sums + 4 * columns.far;
    for (int c = 0; c < 4; ++c) out[4 * x + c] = static_cast<uint8_t>((3 * own[c] + next[c] + 8) >> 4);
  }
}

// The background on its way: four floats a pixel, colour times weight and the weight.
struct BlurLevel {
  Extent extent;
  float* values = nullptr;

  size_t floats() const { return 4 * static_cast<size_t>(extent.width) * static_cast<size_t>(extent.height); }
  float* row(int y) const { return values + 4 * static_cast<size_t>(y) * static_cast<size_t>(extent.width); }
};

// Means of 2 x 2.
void HalveRow(const BlurLevel& from, int y, const BlurLevel& to) {
  const int last = from.extent.width - 1;
  const float *top = from.row(2 * y), *bottom = from.row(std::min(2 * y + 1, from.extent.height - 1));
  float* out = to.row(y);
  for (int x = 0; x < to.extent.width; ++x, out += 4) {
    const int left = 8 * x, right = 4 * std::min(2 * x + 1, last);
    for (int c = 0; c < 4; ++c)
      out[c] = 0.25f * (top[left + c] + top[right + c] + bottom[left + c] + bottom[right + c]);
  }
}

// Calls put(x, values) for each pixel of row `y` at twice the size of `from`.
template <class PutFn>
void DoubleRow(const BlurLevel& from, int y, int width, const PutFn& put) {
  const CoarsePixels rows = CoarseOf(y, from.extent.height);
  const float *near = from.row(rows.near), *far = from.row(rows.far);
  for (int x = 0; x < width; ++x) {
    const CoarsePixels columns = CoarseOf(x, from.extent.width);
    const size_t own = 4 * static_cast<size_t>(columns.near), next = 4 * static_cast<size_t>(columns.far);
    float values[4];
    for (size_t c = 0; c < 4; ++c)
      values[c] = (9 * near[own + c] + 3 * (near[next + c] + far[own + c]) + far[next + c]) * (1.0f / 16);
    put(x, values);
  }
}

// How often a picture is halved: doubled as often with linear filtering, that is close to a Gaussian (Bjorge, "Bandwidth-efficient
// rendering", SIGGRAPH 2015) of 0.58 * 2^n pixels: the means have a variance of 4^n / 12, and the doublings together one of 4^n / 4.
// web/src/adapters/worker/compositor.ts does the same.
int HalvingsFor(float sigma) { return std::clamp(static_cast<int>(std::lround(std::log2(sigma / 0.58f))), 1, 7); }

// Weights below this are of a subject that covers the cell; what is put there comes from farther away.
constexpr float kLeastWeight = 1e-3f;

}  // namespace

Status PutBehind(ImageView behind, MutableImageView cutout, ThreadRunner& runner) {
  DECAL_TRY(CheckPicture(behind));
  DECAL_TRY(CheckPicture(cutout));
  const auto width = static_cast<size_t>(cutout.width);
  if (behind.width == cutout.width && behind.height == cutout.height) {
    ForBackdropRows(cutout.height, runner, [&](int y, size_t) { PutRowBehind(behind.row(y), width, cutout.row(y)); });
    return {};
  }
  if (behind.width != HalfOf(cutout.width) || behind.height != HalfOf(cutout.height))
    return Fail(ErrorCode::kInvalidArgument, "what lies behind has neither the cut-out's size nor half of it");
  // A row of pixels, and sums of half as many.
  const size_t floats = width + 2 * static_cast<size_t>(behind.width);
  DECAL_TRY_ASSIGN(ThreadScratch scratch, ThreadScratch::Allocate(floats, runner));
  ForBackdropRows(cutout.height, runner, [&](int y, size_t thread) {
    auto* row = reinterpret_cast<uint8_t*>(scratch.thread(thread));
    EnlargeRow(behind, y, cutout.width, reinterpret_cast<uint16_t*>(scratch.thread(thread) + width), row);
    PutRowBehind(row, width, cutout.row(y));
  });
  return {};
}

struct BackgroundBlur::Impl {
  Extent picture;
  std::vector<BlurLevel> levels;  // of 1/2, 1/4 and so on, to a single pixel
  Buffer values, pixels;

  Status Allocate(Extent of_picture);
  void FillFirst(ImageView from, int y, const MatteRow& matte, float* weights);
  void FillHoles(size_t level, ThreadRunner& runner);
  MutableImageView view() {
    const Extent half = levels.front().extent;
    return {reinterpret_cast<uint8_t*>(pixels.data()), half.width, half.height, 4 * static_cast<size_t>(half.width)};
  }
};

Status BackgroundBlur::Impl::Allocate(Extent of_picture) {
  if (of_picture == picture) return {};
  picture = {};
  levels.clear();
  size_t floats = 0;
  for (Extent extent = HalfOf(of_picture);; extent = HalfOf(extent)) {
    levels.push_back({extent});
    floats += levels.back().floats();
    if (extent == Extent{1, 1}) break;
  }
  DECAL_TRY_ASSIGN(values, AllocateArray<float>(floats, "a blurred background"));
  DECAL_TRY_ASSIGN(pixels, AllocateArray<uint8_t>(levels.front().floats(), "a blurred background"));
  auto* next = reinterpret_cast<float*>(values.data());
  for (BlurLevel& level : levels) next = (level.values = next) + level.floats();
  picture = of_picture;
  return {};
}

// Row `y` of the first level. `weights` holds a float for each of its pixels.
void BackgroundBlur::Impl::FillFirst(ImageView from, int y, const MatteRow& matte, float* weights) {
  const BlurLevel& to = levels.front();
  const int last = from.width - 1;
  // Squared: pixels of an edge show the subject too, and hardly speak for the background.
  for (int x = 0; x < to.extent.width; ++x) {
    const float rest = 1 - (matte.top_weight * matte.top[x] + matte.bottom_weight * matte.bottom[x]);
    weights[x] = rest * rest;
  }
  const uint8_t *top = from.row(2 * y), *bottom = from.row(std::min(2 * y + 1, from.height - 1));
  float* out = to.row(y);
  for (int x = 0; x < to.extent.width; ++x, out += 4) {
    const int left = 8 * x, right = 4 * std::min(2 * x + 1, last);
    const float share = 0.25f * weights[x];
    for (int c = 0; c < 3; ++c)
      out[c] = share * static_cast<float>(top[left + c] + top[right + c] + bottom[left + c] + bottom[right + c]);
    out[3] = weights[x];
  }
}

// Makes a level whole: its colours, and where the subject covers it, those of the level above.
void BackgroundBlur::Impl::FillHoles(size_t level, ThreadRunner& runner) {
  const BlurLevel& own = levels[level];
  const bool top = level + 1 == levels.size();
  ForBackdropRows(own.extent.height, runner, [&](int y, size_t) {
    float* out = own.row(y);
    const auto fill = [&](int x, const float* around) {
      float* pixel = out + 4 * x;
      const float weight = std::clamp(pixel[3], 0.0f, 1.0f);
      // What there is of the cell counts for more than its share, so that the background next to the subject stays its own.
      const float missing = (1 - weight) * (1 - weight) * (1 - weight) * (1 - weight);
      const float scale = weight > kLeastWeight ? (1 - missing) / weight : 0;
      const float rest = weight > kLeastWeight ? missing : 1;
      for (int c = 0; c < 3; ++c) pixel[c] = pixel[c] * scale + around[c] * rest;
      pixel[3] = 1;
    };
    if (top) {
      // All there is; black where that is nothing.
      const float scale = out[3] > 0 ? 1 / out[3] : 0;
      for (int c = 0; c < 3; ++c) out[c] *= scale;
      return;
    }
    DoubleRow(levels[level + 1], y, own.extent.width, fill);
  });
}

BackgroundBlur::BackgroundBlur() : impl_(std::make_unique<Impl>()) {}
BackgroundBlur::BackgroundBlur(BackgroundBlur&&) noexcept = default;
BackgroundBlur& BackgroundBlur::operator=(BackgroundBlur&&) noexcept = default;
BackgroundBlur::~BackgroundBlur() = default;

size_t BackgroundBlur::memory_bytes() const { return impl_->values.size_bytes() + impl_->pixels.size_bytes(); }

Result<ImageView> BackgroundBlur::Next(ImageView picture, MatteView matte, float sigma, ThreadRunner& runner) {
  Impl& impl = *impl_;
  DECAL_TRY(CheckPicture(picture));
  if (matte.data == nullptr || matte.width <= 0 || matte.height <= 0)
    return Fail(ErrorCode::kInvalidArgument, "the matte is empty");
  if (!(sigma >= 1 && sigma <= kMostBlur)) return Fail(ErrorCode::kInvalidArgument, "sigma is not within 1 and 100");
  DECAL_TRY(impl.Allocate({picture.width, picture.height}));
  const std::vector<BlurLevel>& levels = impl.levels;
  const Extent half = levels.front().extent;
  DECAL_TRY_ASSIGN(const ResampleAxis rows, ResampleAxis::Create(matte.height, half.height));
  DECAL_TRY_ASSIGN(const ResampleAxis columns, ResampleAxis::Create(matte.width, half.width));
  const size_t floats = static_cast<size_t>(half.width) + MatteRows::ScratchFloats(half.width, matte);
  DECAL_TRY_ASSIGN(ThreadScratch scratch, ThreadScratch::Allocate(floats, runner));
  // A row of the matte is stretched for each row: half as many as the picture has, and as many as most mattes.
  ForBackdropRows(half.height, runner, [&](int y, size_t thread) {
    float* own = scratch.thread(thread);
    MatteRows matte_rows(matte, rows, columns, own + half.width);
    impl.FillFirst(picture, y, matte_rows.Row(y), own);
  });
  for (size_t i = 1; i < levels.size(); ++i)
    ForBackdropRows(levels[i].extent.height, runner, [&](int y, size_t) { HalveRow(levels[i - 1], y, levels[i]); });
  const size_t last = std::min<size_t>(static_cast<size_t>(HalvingsFor(sigma)), levels.size()) - 1;
  for (size_t i = levels.size(); i-- > last;) impl.FillHoles(i, runner);
  for (size_t i = last; i-- > 1;) {
    ForBackdropRows(levels[i].extent.height, runner, [&](int y, size_t) {
      DoubleRow(levels[i + 1], y, levels[i].extent.width,
                [&](int x, const float* values) { std::copy_n(values, 4, levels[i].row(y) + 4 * x); });
    });
  }
  const MutableImageView result = impl.view();
  ForBackdropRows(half.height, runner, [&](int y, size_t) {
    uint8_t* out = result.row(y);
    const auto store = [&](int x, const float* values) {
      for (int c = 0; c < 3; ++c)
        out[4 * x + c] = static_cast<uint8_t>(static_cast<int>(std::clamp(values[c], 0.0f, 255.0f) + 0.5f));
      out[4 * x + 3] = 255;
    };
    if (last > 0) return DoubleRow(levels[1], y, half.width, store);
    for (int x = 0; x < half.width; ++x) store(x, levels[0].row(y) + 4 * x);
  });
  return ImageView(result);
}

}  // namespace decal
