// Depthwise convolution: every channel with its own filter, vectorised over channels.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/cpu/simd/indirect_conv.h"

namespace decal::cpu {

struct DepthwiseShape : ConvolutionMaps {
  size_t channels = 0;
  size_t kernel_height = 1, kernel_width = 1;
  size_t stride_y = 1, stride_x = 1;
};

// Output rows are counted through the batch: [0, batch * out_height).
// buffers.packed: [tap][channel], channels padded to whole vectors as PaddedColumns does.
void RunDepthwiseRows(const DepthwiseShape& shape, const Epilogue& epilogue, const IndirectConvBuffers& buffers,
                      size_t first_row, size_t rows);

}  // namespace decal::cpu
