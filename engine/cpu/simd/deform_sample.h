// The inputs of a deformable convolution sampled for a block of output pixels.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/cpu/simd/indirect_conv.h"

namespace decal::cpu {

// Strides in elements of a map whose channels need not be adjacent.
struct MapStrides {
  ptrdiff_t batch = 0, channel = 0, row = 0, pixel = 0;
};

struct DeformShape {
  size_t in_height = 0, in_width = 0;
  size_t out_height = 0, out_width = 0;
  size_t step_y = 1, step_x = 1;      // input pixels from one output pixel to the next
  size_t depth = 0;                   // input channels of a group
  size_t offset_depth = 0;            // input channels that share their offsets
  std::vector<Tap> taps;
  PixelStrides in;
  MapStrides offset, mask;
};

struct DeformBuffers {
  const float* in = nullptr;
  const float* offset = nullptr;
  const float* mask = nullptr;   // or null
  const float* zeros = nullptr;  // `depth` of them, read where a corner falls outside the input
};

// For output pixels [first, first + rows) in (n, y, x) order: columns[row][tap][channel of `group`].
void SampleColumns(const DeformShape& shape, const DeformBuffers& buffers, size_t group, size_t first, size_t rows,
                   float* columns);

}  // namespace decal::cpu
