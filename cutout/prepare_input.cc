// Prepares a model's input: chooses its size, resizes with antialiasing, and normalises.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>
#include <vector>

#include "cutout/pixel.h"
#include "cutout/resample.h"
#include "cutout/scratch.h"
#include "decal/cutout.h"

namespace decal {
namespace {

// Limits the input's aspect ratio, because a strip (1 x 10000) would otherwise ask for an input of gigabytes. Photos
// stay below 3, panoramas at about 3. Pictures beyond 4 are squeezed along their long side.
constexpr double kMaxAspectRatio = 4;

int RoundToMultiple(double pixels, int multiple) {
  return std::max(1, static_cast<int>(std::lround(pixels / multiple))) * multiple;
}

size_t ScratchFloats(ImageView picture, const InputSpec& spec) {
  return 4 * (static_cast<size_t>(picture.width) + static_cast<size_t>(spec.extent.width));
}

// Whether some pixel is not opaque.
bool HasTransparency(ImageView picture, ThreadRunner& runner) {
  std::atomic<bool> found = false;
  ParallelFor(runner, static_cast<size_t>(picture.height), [&](size_t y, size_t) {
    if (found.load(std::memory_order_relaxed)) return;
    const uint8_t* row = picture.row(static_cast<int>(y));
    uint32_t all = 0xFFFFFFFFu;
    for (size_t x = 0; x < static_cast<size_t>(picture.width); ++x) all &= LoadPixel(row, x);
    if (all < 0xFF000000u) found.store(true, std::memory_order_relaxed);
  });
  return found;
}

// The colour behind transparent parts for the model: black or white, whichever is farther from what is visible. (The
// stored colours mean nothing there: a black subject on transparent black would vanish.)
float HiddenLevel(ImageView picture, const ResampleAxis& rows, const ResampleAxis& columns, ThreadScratch& scratch,
                  ThreadRunner& runner) {
  const size_t width = static_cast<size_t>(columns.output());
  std::vector<double> sums(2 * static_cast<size_t>(rows.output()));
  ParallelFor(runner, static_cast<size_t>(rows.output()), [&](size_t y, size_t thread) {
    float* row = scratch.thread(thread);
    ResampleRow(picture, rows, columns, AlphaUse::kWeight, static_cast<int>(y), row + 4 * width, row);
    for (size_t x = 0; x < width; ++x) {
      const float* pixel = row + 4 * x;
      sums[2 * y] += 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2];  // luma of BT.601
      sums[2 * y + 1] += pixel[3];
    }
  });
  double luma = 0, alpha = 0;
  for (size_t i = 0; i < sums.size(); i += 2) luma += sums[i], alpha += sums[i + 1];
  return luma < 127.5 * alpha ? 1.0f : 0.0f;
}

}  // namespace

Extent InputExtent(const ModelInfo& model, Extent picture) {
  if (model.size_rule == SizeRule::kStretch) return {model.width, model.height};
  const double short_side = std::max(1, std::min(picture.width, picture.height));
  const double ratio = std::min(std::max(picture.width, picture.height) / short_side, kMaxAspectRatio);
  const int multiple = std::max(1, model.multiple);
  const int input_short = RoundToMultiple(model.height, multiple);
  const int input_long = RoundToMultiple(model.height * ratio, multiple);
  return picture.width >= picture.height ? Extent{input_long, input_short} : Extent{input_short, input_long};
}

size_t PrepareInputScratchBytes(ImageView picture, const InputSpec& spec, size_t threads) {
  return ScratchFloats(picture, spec) * threads * sizeof(float);
}

Status PrepareInput(ImageView picture, const InputSpec& spec, std::span<float> input, ThreadRunner& runner) {
  DECAL_TRY(CheckPicture(picture));
  const int width = spec.extent.width, height = spec.extent.height;
  const bool has_size = width > 0 && height > 0;
  if (!has_size || input.size() != 3 * static_cast<uint64_t>(width) * static_cast<uint64_t>(height)) {
    return Fail(ErrorCode::kInvalidArgument, "the input span does not hold 3 x " + std::to_string(height) + " x " +
                                                 std::to_string(width) + " values");
  }
  float scale[3], offset[3];
  for (size_t c = 0; c < 3; ++c) {
    if (!(spec.std[c] > 0)) return Fail(ErrorCode::kInvalidArgument, "std must be positive");
    scale[c] = 1 / (255 * spec.std[c]);
    offset[c] = -spec.mean[c] / spec.std[c];
  }
  DECAL_TRY_ASSIGN(const ResampleAxis rows, ResampleAxis::Create(picture.height, height));
  DECAL_TRY_ASSIGN(const ResampleAxis columns, ResampleAxis::Create(picture.width, width));
  DECAL_TRY_ASSIGN(ThreadScratch scratch, ThreadScratch::Allocate(ScratchFloats(picture, spec), runner));

  const bool transparent = HasTransparency(picture, runner);
  const float hidden = transparent ? HiddenLevel(picture, rows, columns, scratch, runner) : 0.0f;
  ParallelFor(runner, static_cast<size_t>(height), [&](size_t y, size_t thread) {
    const size_t n = static_cast<size_t>(width);
    float* row = scratch.thread(thread);
    const AlphaUse alpha = transparent ? AlphaUse::kWeight : AlphaUse::kIgnore;
    ResampleRow(picture, rows, columns, alpha, static_cast<int>(y), row + 4 * n, row);
    for (size_t x = 0; transparent && x < 4 * n; x += 4) {
      const float behind = (255 - row[x + 3]) * hidden;
      for (size_t c = 0; c < 3; ++c) row[x + c] = row[x + c] * (1.0f / 255) + behind;
    }
    if (spec.channels_last) {
      float* to = input.data() + 3 * y * n;
      for (size_t x = 0; x < n; ++x) {
        for (size_t c = 0; c < 3; ++c) to[3 * x + c] = row[4 * x + c] * scale[c] + offset[c];
      }
      return;
    }
    float* planes[3];
    for (size_t c = 0; c < 3; ++c) planes[c] = input.data() + (c * static_cast<size_t>(height) + y) * n;
    NormaliseRow(row, n, scale, offset, planes);
  });
  return {};
}

}  // namespace decal
