// Weighted sums of four pixels, channel by channel: bilinear samples of channels-last maps.
#pragma once

#include <cstddef>

namespace decal::cpu {

// The four neighbours of a fractional position and what each counts; a pixel outside the map counts 0 and points to
// any pixel inside it.
struct BilinearSample {
  const float* pixel[4];
  float weight[4];
};

// out[c] = sum of weight[i] * pixel[i][c]
void RunBilinear(const BilinearSample& sample, float* out, size_t channels);

}  // namespace decal::cpu
