// The matte at another size, row after row: values cleaned, bilinear when enlarging, antialiased when reducing.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>

#include "cutout/compose_rows.h"
#include "cutout/resample.h"

namespace decal {

// 0..1 whatever the model put out: the comparison is false for NaN, too.
inline float CleanMatte(float value) { return value > 0 ? std::min(value, 1.0f) : 0.0f; }

// `from` (axis.input() values) resampled to axis.output() values.
void ResampleColumns(const float* from, const ResampleAxis& axis, float* out);

// Enlarging, columns come first: a stretched row serves all picture rows between it and its neighbours. Reducing, rows
// come first, which leaves one short row to stretch.
class MatteRows {
 public:
  // The matte's rows, stretched to the picture's width: the last two that were used.
  static size_t ScratchFloats(int width, MatteView matte) {
    return static_cast<size_t>(matte.width) + 2 * static_cast<size_t>(width);
  }

  // `scratch` holds ScratchFloats.
  MatteRows(MatteView matte, const ResampleAxis& rows, const ResampleAxis& columns, float* scratch)
      : matte_(matte), rows_(rows), columns_(columns), clean_(scratch), top_(scratch + matte.width),
        bottom_(top_ + columns.output()) {}

  // Row `y` of the picture. Valid until the next call.
  MatteRow Row(int y);

 private:
  const float* Data(int row) const;
  void Stretch(int row, float* out, int& held);
  void SumRows(int y);

  MatteView matte_;
  const ResampleAxis& rows_;
  const ResampleAxis& columns_;
  float* clean_;
  float* top_;
  float* bottom_;
  int top_row_ = -1, bottom_row_ = -1;  // which rows of the matte they hold
};

}  // namespace decal
