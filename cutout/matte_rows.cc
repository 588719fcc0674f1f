// Rows of the matte, scaled horizontally once for all rows of the picture between them.
// SPDX-License-Identifier: MIT
#include "cutout/matte_rows.h"

#include <algorithm>
#include <utility>

namespace decal {
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

MatteRow MatteRows::Row(int y) {
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

const float* MatteRows::Data(int row) const {
  return matte_.data + static_cast<size_t>(row) * static_cast<size_t>(matte_.width);
}

void MatteRows::Stretch(int row, float* out, int& held) {
  if (held == row) return;
  held = row;
  const float* from = Data(row);
  for (int x = 0; x < matte_.width; ++x) clean_[x] = CleanMatte(from[x]);
  ResampleColumns(clean_, columns_, out);
}

void MatteRows::SumRows(int y) {
  const size_t width = static_cast<size_t>(matte_.width);
  std::fill_n(clean_, width, 0.0f);
  for (int k = 0; k < rows_.taps(); ++k) {
    const float weight = rows_.weights(y)[k];
    const float* from = Data(rows_.first(y) + k);
    for (size_t x = 0; x < width; ++x) clean_[x] += weight * CleanMatte(from[x]);
  }
}

}  // namespace decal
