// What the WebGPU kernels of all convolutions share: maps, their strides, packed filters.
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "engine/ops/conv/conv_geometry.h"
#include "engine/gpu/templates/product.h"

namespace decal {

// Where an operator's inputs stand; x and the weight come first.
struct ConvInputs {
  size_t bias;
  EpilogueInputs extra;

  ConvInputs(const Epilogue& epilogue, size_t bias_input, size_t own) : bias(bias_input), extra(epilogue, own) {}
};

// [N,C,W] as [N,C,1,W].
gpu::Tensor AsMap(gpu::Tensor tensor);

// Errors: kUnsupportedOperator unless the weights are constant and all maps are of pictures, with their channels last.
Status RequireMaps(const GpuRequest& request, const ConvGeometry& g, const ConvInputs& inputs);

// Maps, bias, slope and residual; the filters are the caller's.
ProductOperands ConvOperands(const GpuRequest& request, const ConvGeometry& g, const ConvInputs& inputs);

// What convolutions of both directions share; taps and steps are the caller's.
ProductSpec ConvSpec(const ConvGeometry& g, const ProductOperands& operands);
// Output positions and taps of a convolution that goes forward.
void SetTaps(ProductSpec& spec, const ConvGeometry& g);

// Where the element of a tap, a channel of the group, a column and a group lies in the weight.
struct WeightOrder {
  std::vector<int64_t> taps;  // offsets in the file's kernel window
  int64_t depth = 1, columns = 1, groups = 1;
  int64_t depth_stride = 0, column_stride = 0, group_stride = 0;
};
// That of a convolution that goes forward.
WeightOrder ForwardOrder(const ConvGeometry& g);

ProductFactor PackFilters(const GpuRequest& request, const WeightOrder& order);

// For kernels beside the shared product. Rows [begin, end) of a map.
gpu::Tensor BandOf(gpu::Tensor map, int64_t begin, int64_t end);
// Strides between pixels as parameters p_n, p_y and p_x for the prefix p.
void AddPixels(gpu::Kernel& kernel, char prefix, const gpu::Tensor& map);
// As AddEpilogue, and the residual of rows [begin, end).
void AddConvEpilogue(gpu::Kernel& kernel, const Epilogue& epilogue, const ProductOperands& operands, int64_t begin,
                     int64_t end);

}  // namespace decal
