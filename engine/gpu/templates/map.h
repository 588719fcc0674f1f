// WebGPU kernels that make each pixel of a map from pixels of another: pooling, resizing, sampling.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "engine/gpu/request.h"

namespace decal {

// Maps n and rows y of the output that one dispatch makes.
struct MapBand {
  int64_t first_map = 0, end_map = 1;
  int64_t first_row = 0, end_row = 1;
};

// An element is up to four neighbouring channels (WIDTH) of one output pixel. The body calls pixel_of, source and place
// (map.wgsl).
struct MapKernel {
  std::string_view label, body;
  gpu::Tensor x, y;  // [N,C,H,W], of the same N and C
  // Rows of x that rows [begin, end) of y read.
  std::function<gpu::Span(int64_t begin, int64_t end)> source_rows;
  // Adds the kernel's own operands and parameters.
  std::function<void(gpu::Kernel&, const MapBand&)> adjust;
};
Status AddMapKernel(gpu::PlanBuilder& builder, const MapKernel& map);

// Strides of a map [N,C,H,W] as parameters name_n, name_c, name_y and name_x.
void AddStrides(gpu::Kernel& kernel, const std::string& name, const gpu::Tensor& map);

// Maps `band` of a tensor whose first dimension counts them.
gpu::Tensor MapsOf(gpu::Tensor tensor, const MapBand& band);

// [N,C,W] as [N,C,1,W]; kUnsupportedOperator, naming `op`, for other ranks than 3 and 4.
Result<gpu::Tensor> AsRank4Map(gpu::Tensor tensor, std::string_view op);

}  // namespace decal
