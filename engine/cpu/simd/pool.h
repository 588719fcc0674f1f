// Windowed maximum and average over one channels-last map.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/cpu/simd/feature_map.h"
#include "engine/ops/pool/pool_axis.h"

namespace decal::cpu {

// One row of the output: `out` with out_width pixels, pixel_stride apart. A window without any cell gives
// -infinity (maximum) or 0 (average).
void MaxPoolRow(const FeatureMap& in, const PoolAxis& y, const PoolAxis& x, size_t out_y, size_t out_width, float* out,
                ptrdiff_t out_pixel_stride);
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
