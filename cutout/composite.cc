// The matte meets the picture: resampled to its size in floating point, then composed row by row.
#include <algorithm>
#include <array>
#include <utility>

#include "cutout/compose_rows.h"
#include "cutout/resample.h"
#include "cutout/scratch.h"
#include "decal/cutout.h"

namespace decal {
namespace {

// Rows per task. A row of the matte is stretched to the picture's width once per task that uses it, so few rows cost
// repetitions, and many leave threads idle at the end. 5203 x 7800 with a matte of 1024 x 1024, natively on one thread
// (bench/pictures_bench.cc): 26.4 ms with 8 rows, 23.1 with 32, 21.8 with 128.
constexpr int kRowsPerTask = 32;

// The matte's rows, stretched to the picture's width: the last two that were used.
size_t ScratchFloats(ImageView picture, MatteView matte) {
  return static_cast<size_t>(matte.width) + 2 * static_cast<size_t>(picture.width);
}

// 0..1 whatever the model put out: the comparison is false for NaN, too.
inline float Clean(float value) { return value > 0 ? std::min(value, 1.0f) : 0.0f; }

// `from` (axis.input() values) resampled to axis.output() values.
void ResampleColumns(const float* from, const ResampleAxis& axis, float* out) {
  const int32_t* first = axis.firsts();
  const float* weights = axis.weights(0);
  if (axis.taps() == 2) {  // enlarging, the usual case
    for (int x = 0; x < axis.output(); ++x) {
      const float* pair = from + first[x];
      out[x] = weights[2 * x] * pair[0] + weights[2 * x + 1] * pair[1];
    }
    return;
  }
  for (int x = 0; x < axis.output(); ++x, weights += axis.taps()) {
    float sum = 0;
    for (int k = 0; k < axis.taps(); ++k) sum += weights[k] * from[first[x] + k];
    out[x] = sum;
  }
}

// The matte at the picture's size, row after row. Enlarging, columns come first: a stretched row serves all picture
// rows between it and its neighbours. Reducing, rows come first, which leaves one short row to stretch.
class MatteRows {
 public:
  // `scratch` holds ScratchFloats.
  MatteRows(MatteView matte, const ResampleAxis& rows, const ResampleAxis& columns, float* scratch)
      : matte_(matte), rows_(rows), columns_(columns), clean_(scratch), top_(scratch + matte.width),
        bottom_(top_ + columns.output()) {}

  // Row `y` of the picture. Valid until the next call.
  MatteRow Row(int y) {
    const float* weights = rows_.weights(y);
    if (rows_.taps() > 2) {
      SumRows(y);
      ResampleColumns(clean_, columns_, top_);
      return {top_, top_, 1, 0};
    }
    const int first = rows_.first(y);
    if (rows_.taps() == 1) {
      Stretch(first, top_, top_row_);
      return {top_, top_, weights[0], 0};
    }
    if (bottom_row_ == first) {
      std::swap(top_, bottom_);
      std::swap(top_row_, bottom_row_);
    }
    Stretch(first, top_, top_row_);
    Stretch(first + 1, bottom_, bottom_row_);
    return {top_, bottom_, weights[0], weights[1]};
  }

 private:
  const float* Data(int row) const {
    return matte_.data + static_cast<size_t>(row) * static_cast<size_t>(matte_.width);
  }

  void Stretch(int row, float* out, int& held) {
    if (held == row) return;
    held = row;
    const float* from = Data(row);
    for (int x = 0; x < matte_.width; ++x) clean_[x] = Clean(from[x]);
    ResampleColumns(clean_, columns_, out);
  }

  void SumRows(int y) {
    const size_t width = static_cast<size_t>(matte_.width);
    std::fill_n(clean_, width, 0.0f);
    for (int k = 0; k < rows_.taps(); ++k) {
      const float weight = rows_.weights(y)[k];
      const float* from = Data(rows_.first(y) + k);
      for (size_t x = 0; x < width; ++x) clean_[x] += weight * Clean(from[x]);
    }
  }

  MatteView matte_;
  const ResampleAxis& rows_;
  const ResampleAxis& columns_;
  float* clean_;
  float* top_;
  float* bottom_;
  int top_row_ = -1, bottom_row_ = -1;  // which rows of the matte they hold
};

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
  const Composition composition = options.mask_only    ? Composition::kMask
                                  : options.background ? Composition::kOver
                                                       : Composition::kCutOut;
  const std::array<uint8_t, 4> background = options.background.value_or(std::array<uint8_t, 4>{});
  const size_t tasks = (static_cast<size_t>(picture.height) + kRowsPerTask - 1) / kRowsPerTask;
  ParallelFor(runner, tasks, [&](size_t task, size_t thread) {
    MatteRows matte_rows(matte, rows, columns, scratch.thread(thread));
    const int begin = static_cast<int>(task) * kRowsPerTask;
    const int end = std::min(picture.height - begin, kRowsPerTask) + begin;
    for (int y = begin; y < end; ++y) {
      ComposeRow(composition, picture.row(y), matte_rows.Row(y), static_cast<size_t>(picture.width), background,
                 out.row(y));
    }
  });
  return {};
}

}  // namespace decal
