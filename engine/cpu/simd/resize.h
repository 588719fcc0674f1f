// Rows of bilinear and nearest resampling from index and weight tables.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/cpu/simd/feature_map.h"

namespace decal::cpu {

// For every output column: value = in[low] + weight * (in[high] - in[low]).
struct LinearTable {
  const int32_t* low = nullptr;
  const int32_t* high = nullptr;
  const float* weight = nullptr;
};

// The two input rows of one output row.
struct LinearRow {
  size_t low = 0;
  size_t high = 0;
  float weight = 0;
};

// Maps of fewer channels than this take the narrow function.
inline constexpr size_t kMinWideChannels = 4;

// One output row of out_width pixels; the table counts pixels. Vectorises over channels.
void ResizeLinearWide(const FeatureMap& in, const LinearRow& row, const LinearTable& columns, size_t out_width,
                      float* out, ptrdiff_t out_pixel_stride);

// The same, vectorised along the row, for maps of few channels. The table has an entry for each of the
// out_width * channels values of a dense row and counts floats. `scratch` holds
// (2 * in.width + out_width) * channels floats.
void ResizeLinearNarrow(const FeatureMap& in, const LinearRow& row, const LinearTable& values, size_t out_width,
                        float* out, ptrdiff_t out_pixel_stride, float* scratch);

// out pixel x = in pixel columns[x] of row `in_row`.
void ResizeNearestRow(const FeatureMap& in, size_t in_row, const int32_t* columns, size_t out_width, float* out,
                      ptrdiff_t out_pixel_stride);

}  // namespace decal::cpu
