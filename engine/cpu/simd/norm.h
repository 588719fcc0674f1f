// Rows of normalisation: scale and shift per channel, layer normalisation, softmax.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <limits>

namespace decal::cpu {

// What each channel is multiplied by, what is added to it, and the limits of the result.
struct ScaleShift {
  const float* scale = nullptr;
  const float* shift = nullptr;
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
};

// out = min(max(in * scale[c] + shift[c], low), high) for a row of pixels; out may be in if the strides are the same.
void ScaleShiftRow(const float* in, ptrdiff_t in_pixel_stride, float* out, ptrdiff_t out_pixel_stride, size_t pixels,
                   size_t channels, const ScaleShift& by);

// out = (x - mean) / sqrt(variance + epsilon) * scale + bias over n floats, by two passes; bias may be
// null, out may be x.
void LayerNormRun(const float* x, const float* scale, const float* bias, float epsilon, float* out, size_t n);

// Softmax, or its logarithm, of `rows` runs of n floats each; out may be x if the strides are the same.
void SoftmaxRows(const float* x, ptrdiff_t x_row_stride, float* out, ptrdiff_t out_row_stride, size_t rows, size_t n,
                 bool logarithm);

}  // namespace decal::cpu
