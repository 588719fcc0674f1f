// Whole frames of Y'CbCr, in strips of rows; the arithmetic of a row is in yuv_rows.cc.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "decal/yuv.h"

#include <algorithm>
#include <cmath>

#include "cutout/resample.h"
#include "cutout/yuv_rows.h"
#include "engine/base/buffer.h"

namespace decal {
namespace {

// YuvRows per task: enough that handing them out costs nothing beside them.
constexpr int kYuvRowsPerTask = 32;

int ChromaSize(int size, bool half) { return half ? (size + 1) / 2 : size; }

int16_t QuarterInFixedPoint(double factor) { return static_cast<int16_t>(std::lround(factor / 4 * 32768)); }

Status CheckFrame(const YuvView& from, const YuvColours& colours, MutableImageView to) {
  if (from.luma == nullptr || from.width <= 0 || from.height <= 0 || (from.cb == nullptr) != (from.cr == nullptr))
    return Fail(ErrorCode::kInvalidArgument, "the frame is empty");
  DECAL_TRY(CheckPicture(to));
  if (to.width != from.width || to.height != from.height)
    return Fail(ErrorCode::kInvalidArgument, "frame and picture differ in size");
  const auto columns = static_cast<size_t>(ChromaSize(from.width, from.half_width));
  const bool steps = from.chroma_step == 1 || from.chroma_step == 2;
  if (from.luma_stride < static_cast<size_t>(from.width) || !steps ||
      (from.cb != nullptr && from.chroma_stride < static_cast<size_t>(from.chroma_step) * columns))
    return Fail(ErrorCode::kInvalidArgument, "the frame's stride is less than a row of its samples");
  // Factors of green grow beyond what YuvMatrix holds where it counts less; in all standards it is over a half. Not so for NaN.
  const bool known = colours.red > 0 && colours.blue > 0 && colours.red + colours.blue <= 0.6;
  if (!known) return Fail(ErrorCode::kInvalidArgument, "shares of luma: red and blue leave too little to green");
  return {};
}

YuvMatrix MatrixOf(const YuvColours& colours) {
  const double luma = colours.full_range ? 1 : 255.0 / 219, chroma = colours.full_range ? 1 : 255.0 / 224;
  const double green = 1 - colours.red - colours.blue;
  const double red_cr = 2 * (1 - colours.red) * chroma, blue_cb = 2 * (1 - colours.blue) * chroma;
  return {.luma = QuarterInFixedPoint(luma),
          .red_cr = QuarterInFixedPoint(red_cr),
          .green_cb = QuarterInFixedPoint(blue_cb * colours.blue / green),
          .green_cr = QuarterInFixedPoint(red_cr * colours.red / green),
          .blue_cb = QuarterInFixedPoint(blue_cb),
          .black = static_cast<int16_t>(colours.full_range ? 0 : 16)};
}

// What a thread needs for a row.
struct RowMemory {
  int16_t* sums;  // readable kYuvPadding before and behind
  int16_t* chroma[2];
  uint8_t* apart[2];  // samples that lay two bytes apart
};

class YuvRows {
 public:
  YuvRows(const YuvView& from, const YuvMatrix& matrix, MutableImageView to)
      : from_(from), matrix_(matrix), to_(to), columns_(static_cast<size_t>(ChromaSize(from.width, from.half_width))) {}

  size_t MemoryShorts() const { return 3 * chroma_shorts() + 2 * kYuvPadding + columns_ + kYuvPadding; }
  RowMemory Memory(int16_t* shorts) const {
    const size_t stride = chroma_shorts();
    auto* bytes = reinterpret_cast<uint8_t*>(shorts + 3 * stride + 2 * kYuvPadding);
    return {shorts + kYuvPadding,
            {shorts + stride + 2 * kYuvPadding, shorts + 2 * stride + 2 * kYuvPadding},
            {bytes, bytes + columns_}};
  }

  void Convert(int y, const RowMemory& memory) const {
    const auto width = static_cast<size_t>(from_.width);
    const uint8_t* luma = from_.luma + static_cast<size_t>(y) * from_.luma_stride;
    if (from_.cb == nullptr) return YuvRowToRgba(luma, nullptr, nullptr, width, matrix_, to_.row(y));
    for (int c = 0; c < 2; ++c) Chroma(c == 0 ? from_.cb : from_.cr, y, memory, memory.chroma[c]);
    YuvRowToRgba(luma, memory.chroma[0], memory.chroma[1], width, matrix_, to_.row(y));
  }

 private:
  size_t chroma_shorts() const { return 2 * columns_ + 2 * kYuvPadding; }

  // Row `row` of a plane, its samples side by side.
  const uint8_t* Samples(const uint8_t* plane, int row, uint8_t* apart) const {
    const uint8_t* samples = plane + static_cast<size_t>(row) * from_.chroma_stride;
    if (from_.chroma_step == 1) return samples;
    for (size_t i = 0; i < columns_; ++i) apart[i] = samples[2 * i];
    return apart;
  }

  void Chroma(const uint8_t* plane, int y, const RowMemory& memory, int16_t* out) const {
    const int rows = ChromaSize(from_.height, from_.half_height);
    const int near = from_.half_height ? y / 2 : y;
    const int far = from_.half_height ? std::clamp(y % 2 == 0 ? near - 1 : near + 1, 0, rows - 1) : near;
    SumChromaRows(Samples(plane, near, memory.apart[0]), Samples(plane, far, memory.apart[1]), columns_, memory.sums);
    memory.sums[-1] = memory.sums[0];
    memory.sums[columns_] = memory.sums[columns_ - 1];
    SpreadChroma(memory.sums, columns_, from_.half_width, out);
  }

  const YuvView& from_;
  const YuvMatrix& matrix_;
  MutableImageView to_;
  size_t columns_;  // of chroma
};

}  // namespace

Status YuvToRgba(const YuvView& from, const YuvColours& colours, MutableImageView to, ThreadRunner& runner) {
  DECAL_TRY(CheckFrame(from, colours, to));
  const YuvMatrix matrix = MatrixOf(colours);
  const YuvRows rows(from, matrix, to);
  const size_t stride = AlignUp(rows.MemoryShorts(), kAlignment / sizeof(int16_t));
  DECAL_TRY_ASSIGN(Buffer memory, AllocateArray<int16_t>(uint64_t{stride} * runner.thread_count(), "rows of a frame"));
  const size_t tasks = (static_cast<size_t>(from.height) + kYuvRowsPerTask - 1) / kYuvRowsPerTask;
  ParallelFor(runner, tasks, [&](size_t task, size_t thread) {
    const RowMemory own = rows.Memory(reinterpret_cast<int16_t*>(memory.data()) + thread * stride);
    const int begin = static_cast<int>(task) * kYuvRowsPerTask,
              end = std::min(from.height - begin, kYuvRowsPerTask) + begin;
    for (int y = begin; y < end; ++y) rows.Convert(y, own);
  });
  return {};
}

}  // namespace decal
