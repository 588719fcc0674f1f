// Rounds float runs to the points of a quantisation grid.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace decal::cpu {

struct Grid {
  float scale = 1;           // distance of the points in x
  float low = 0, high = 0;   // range of round(x / scale)
  float step = 1;            // distance of the points in y; 1 gives the codes themselves
};

// y = step * round(clip(x / scale, low, high)), ties to even; NaN stays. y may be x.
void RoundRun(const Grid& grid, const float* x, float* y, size_t n);

}  // namespace decal::cpu
