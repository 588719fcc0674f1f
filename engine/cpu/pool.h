// Windowed maximum and average over one channels-last map.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/cpu/feature_map.h"

namespace decal::cpu {

// One spatial axis of a window. Cells of average windows count while they lie in [count_begin, count_end):
// the input itself, or the input with its padding.
struct PoolAxis {
  int64_t extent = 1;  // of the input
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t pad_begin = 0;
  int64_t count_begin = 0;
  int64_t count_end = 1;
};

// One row of the output: `out` with out_width pixels, pixel_stride apart. A window without any cell gives
// -infinity (maximum) or 0 (average).
void MaxPoolRow(const FeatureMap& in, const PoolAxis& y, const PoolAxis& x, size_t out_y, size_t out_width,
                float* out, ptrdiff_t out_pixel_stride);
void AveragePoolRow(const FeatureMap& in, const PoolAxis& y, const PoolAxis& x, size_t out_y, size_t out_width,
                    float* out, ptrdiff_t out_pixel_stride);

// The taps of a window at output position `at`: positions first, first + dilation, ... inside the input.
struct PoolTaps {
  int64_t first = 0;
  int64_t taps = 0;
  int64_t counted = 0;  // cells that an average divides by, padding included where it counts
};
PoolTaps TapsAt(const PoolAxis& axis, int64_t at);

}  // namespace decal::cpu
