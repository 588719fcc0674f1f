// The matte meets the picture: resampled to its size in floating point, then composed row by row.
#include <algorithm>
#include <cstring>

#include "cutout/pixel.h"
#include "cutout/resample.h"
#include "cutout/scratch.h"
#include "decal/cutout.h"

namespace decal {
namespace {

// Rows per task: enough to make a task of a narrow picture worth starting, few enough to balance a small one.
constexpr int kRowsPerTask = 8;

size_t ScratchFloats(ImageView picture, MatteView matte) {
  return static_cast<size_t>(matte.width) + static_cast<size_t>(picture.width);
}

// 0..1 whatever the model put out: the comparison is false for NaN, too.
inline float Clean(float value) { return value > 0 ? std::min(value, 1.0f) : 0.0f; }

// Row `y` of the matte at the picture's size.
void ResampleMatteRow(MatteView matte, const ResampleAxis& rows, const ResampleAxis& columns, int y, float* scratch,
                      float* out) {
  const size_t width = static_cast<size_t>(matte.width);
  std::fill_n(scratch, width, 0.0f);
  for (int k = 0; k < rows.taps(); ++k) {
    const float weight = rows.weights(y)[k];
    const float* from = matte.data + static_cast<size_t>(rows.first(y) + k) * width;
    for (size_t x = 0; x < width; ++x) scratch[x] += weight * Clean(from[x]);
  }
  const int32_t* first = columns.firsts();
  const float* weights = columns.weights(0);
  if (columns.taps() == 2) {  // enlarging, the usual case
    for (int x = 0; x < columns.output(); ++x) {
      const float* from = scratch + first[x];
      out[x] = weights[2 * x] * from[0] + weights[2 * x + 1] * from[1];
    }
    return;
  }
  for (int x = 0; x < columns.output(); ++x, weights += columns.taps()) {
    float sum = 0;
    for (int k = 0; k < columns.taps(); ++k) sum += weights[k] * scratch[first[x] + k];
    out[x] = sum;
  }
}

// One row through `pixel(rgba word, matte)`. Always in place, so that the loop vectorises whether `to` is `from` or
// not: with two pointers the compiler's overlap check would send equal ones to the scalar loop.
template <class PixelFn>
void ComposeRow(const uint8_t* from, const float* matte, size_t width, uint8_t* to, const PixelFn& pixel) {
  if (to != from) std::memcpy(to, from, 4 * width);
  for (size_t x = 0; x < width; ++x) StorePixel(to, x, pixel(LoadPixel(to, x), matte[x]));
}

struct CutOut {
  uint32_t operator()(uint32_t pixel, float matte) const {
    const uint32_t alpha = ToByte(Channel(pixel, 3) * matte);
    const uint32_t composed = (pixel & 0x00FFFFFFu) | alpha << 24;
    return alpha == 0 ? 0 : composed;
  }
};

struct Mask {
  uint32_t operator()(uint32_t pixel, float matte) const {
    const uint32_t grey = ToByte(Channel(pixel, 3) * matte);
    return PackPixel(grey, grey, grey, 255);
  }
};

// Source-over (Porter and Duff 1984) on straight alpha in 8-bit sRGB.
struct OverBackground {
  explicit OverBackground(const std::array<uint8_t, 4>& rgba)
      : r(rgba[0]), g(rgba[1]), b(rgba[2]), a(static_cast<float>(rgba[3]) / 255) {}

  uint32_t operator()(uint32_t pixel, float matte) const {
    const float front = Channel(pixel, 3) * matte * (1.0f / 255);
    const float back = a * (1 - front);
    const float total = front + back;
    const float normalise = total > 0 ? 1 / total : 0.0f;
    const uint32_t alpha = ToByte(255 * total);
    const uint32_t composed = PackPixel(ToByte((Channel(pixel, 0) * front + r * back) * normalise),
                                        ToByte((Channel(pixel, 1) * front + g * back) * normalise),
                                        ToByte((Channel(pixel, 2) * front + b * back) * normalise), alpha);
    return alpha == 0 ? 0 : composed;
  }

  float r, g, b, a;
};

template <class PixelFn>
void ComposeAll(ImageView picture, MatteView matte, const ResampleAxis& rows, const ResampleAxis& columns,
                MutableImageView out, ThreadScratch& scratch, ThreadRunner& runner, const PixelFn& pixel) {
  const size_t tasks = (static_cast<size_t>(picture.height) + kRowsPerTask - 1) / kRowsPerTask;
  ParallelFor(runner, tasks, [&](size_t task, size_t thread) {
    float* row_matte = scratch.thread(thread);
    float* matte_columns = row_matte + picture.width;
    const int begin = static_cast<int>(task) * kRowsPerTask;
    const int end = std::min(picture.height - begin, kRowsPerTask) + begin;
    for (int y = begin; y < end; ++y) {
      ResampleMatteRow(matte, rows, columns, y, matte_columns, row_matte);
      ComposeRow(picture.row(y), row_matte, static_cast<size_t>(picture.width), out.row(y), pixel);
    }
  });
}

}  // namespace

size_t CompositeScratchBytes(ImageView picture, MatteView matte, size_t threads) {
  return ScratchFloats(picture, matte) * threads * sizeof(float);
}

Status Composite(ImageView picture, MatteView matte, const CompositeOptions& options, MutableImageView out,
                 ThreadRunner& runner) {
  DECAL_TRY(CheckPicture(picture));
  DECAL_TRY(CheckPicture(out));
  if (out.width != picture.width || out.height != picture.height) {
    return Fail(ErrorCode::kInvalidArgument, "picture and result differ in size");
  }
  if (matte.data == nullptr || matte.width <= 0 || matte.height <= 0) {
    return Fail(ErrorCode::kInvalidArgument, "the matte is empty");
  }
  DECAL_TRY_ASSIGN(const ResampleAxis rows, ResampleAxis::Create(matte.height, picture.height));
  DECAL_TRY_ASSIGN(const ResampleAxis columns, ResampleAxis::Create(matte.width, picture.width));
  DECAL_TRY_ASSIGN(ThreadScratch scratch, ThreadScratch::Allocate(ScratchFloats(picture, matte), runner));
  if (options.mask_only) {
    ComposeAll(picture, matte, rows, columns, out, scratch, runner, Mask{});
  } else if (options.background) {
    ComposeAll(picture, matte, rows, columns, out, scratch, runner, OverBackground(*options.background));
  } else {
    ComposeAll(picture, matte, rows, columns, out, scratch, runner, CutOut{});
  }
  return {};
}

}  // namespace decal
