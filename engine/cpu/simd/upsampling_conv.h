// Transposed convolution to one channel whose blocks of output pixels do not overlap: each input pixel makes a block of its own.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "engine/cpu/simd/epilogue.h"
#include "engine/cpu/simd/indirect_conv.h"

namespace decal::cpu {

struct UpsamplingShape : ConvolutionMaps {
  size_t depth = 0;  // input channels
  size_t block_height = 1, block_width = 1;  // kernel and stride

  size_t block() const { return block_height * block_width; }
};

// The largest block.
inline constexpr size_t kMostBlockPixels = 64;

// Floats of a channel's weights: the block, by rows, padded to whole vectors of four.
inline size_t UpsamplingWeights(const UpsamplingShape& shape) { return RoundUp(shape.block(), size_t{4}); }

// Input rows are counted through the batch: [0, batch * in_height). buffers.packed: [channel][UpsamplingWeights]. The epilogue has no
// residual and no slopes.
void RunUpsamplingRows(const UpsamplingShape& shape, const Epilogue& epilogue, const IndirectConvBuffers& buffers,
                       size_t first_row, size_t rows);

}  // namespace decal::cpu
