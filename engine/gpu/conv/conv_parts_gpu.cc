// Maps and packed filters of convolutions on WebGPU.
// SPDX-License-Identifier: MIT
#include "engine/gpu/conv/conv_parts_gpu.h"

#include <utility>

namespace decal {
namespace {

bool IsChannelsLast(const gpu::Tensor& tensor) { return tensor.shape[1] <= 1 || tensor.strides[1] == 1; }

RowStrides MapStrides(const gpu::Tensor& map, int64_t group_channels) {
  return {map.strides[0], map.strides[2], map.strides[3], {0, 0, group_channels}};
}

}  // namespace

gpu::Tensor AsMap(gpu::Tensor tensor) {
  const TensorView view = AsRank4({nullptr, DType::kFloat32, tensor.shape, tensor.strides});
  tensor.shape = view.shape;
  tensor.strides = view.strides;
  return tensor;
}

Status RequireMaps(const GpuRequest& request, const ConvGeometry& g, const ConvInputs& inputs) {
  const auto refuse = [](const char* what) {
    return Fail(ErrorCode::kUnsupportedOperator, std::string("no WebGPU kernel for convolutions ") + what);
  };
  if (g.spatial > 2) return refuse("of volumes");
  for (const size_t i : {size_t{1}, inputs.bias, inputs.extra.slope})
    if (request.has(i) && !request.is_constant(i)) return refuse("whose weights are computed");
  for (const size_t i : {size_t{0}, inputs.extra.residual})
    if (i != EpilogueInputs::kAbsent && !IsChannelsLast(AsMap(request.inputs[i].tensor)))
      return refuse("of row-major maps");
  if (!IsChannelsLast(AsMap(request.out()))) return refuse("into row-major maps");
  return {};
}

ProductOperands ConvOperands(const GpuRequest& request, const ConvGeometry& g, const ConvInputs& inputs) {
  const int64_t columns = g.out_channels / g.group;
  ProductOperands operands{.x = AsMap(request.At(0)), .y = AsMap(request.out())};
  operands.bias = PackedChannels(request, inputs.bias, g.group, columns);
  operands.slope = PackedChannels(request, inputs.extra.slope, g.group, columns);
  if (request.has(inputs.extra.residual)) operands.residual = AsMap(request.At(inputs.extra.residual));
  operands.bias_part = PaddedColumns(columns);
  return operands;
}

ProductSpec ConvSpec(const ConvGeometry& g, const ProductOperands& operands) {
  ProductSpec spec{.label = "convolution"};
  spec.rows_n = g.batch;
  spec.parts[2] = g.group;
  spec.depth = g.in_channels / g.group;
  spec.columns = g.out_channels / g.group;
  spec.input_height = g.in[0];
  spec.input_width = g.in[1];
  spec.in = MapStrides(operands.x, spec.depth);
  spec.out = MapStrides(operands.y, spec.columns);
  if (operands.residual) spec.residual = MapStrides(*operands.residual, spec.columns);
  if (g.batch == 1) spec.row_dimension = 2;
  return spec;
}

void SetTaps(ProductSpec& spec, const ConvGeometry& g) {
  spec.rows_y = g.out[0];
  spec.rows_x = g.out[1];
  spec.step_y = g.stride[0];
  spec.step_x = g.stride[1];
  spec.first_y = -g.pad_begin[0];
  spec.first_x = -g.pad_begin[1];
  spec.taps = g.kernel[0] * g.kernel[1];
  spec.taps_x = g.kernel[1];
  spec.tap_step_y = g.dilation[0];
  spec.tap_step_x = g.dilation[1];
}

WeightOrder ForwardOrder(const ConvGeometry& g) {
  const int64_t taps = g.kernel[0] * g.kernel[1];
  WeightOrder order{.depth = g.in_channels / g.group, .columns = g.out_channels / g.group, .groups = g.group};
  for (int64_t t = 0; t < taps; ++t) order.taps.push_back(t);
  order.depth_stride = taps;
  order.column_stride = order.depth * taps;
  order.group_stride = order.columns * order.column_stride;
  return order;
}

ProductFactor PackFilters(const GpuRequest& request, const WeightOrder& order) {
  constexpr int64_t kFilters = 102;
  std::vector<int64_t> id = {kFilters,           order.depth,         order.columns,     order.groups,
                             order.depth_stride, order.column_stride, order.group_stride};
  id.insert(id.end(), order.taps.begin(), order.taps.end());
  const int64_t padded = PaddedColumns(order.columns);
  const int64_t part = static_cast<int64_t>(order.taps.size()) * order.depth * padded;
  ProductFactor factor;
  factor.tensor = PackedWeight(
      request, request.inputs[1].constant, PackingId(id), order.groups * part,
      [order, padded, part](std::span<const float> source, std::span<float> packed) {
        for (int64_t g = 0; g < order.groups; ++g)
          for (size_t t = 0; t < order.taps.size(); ++t)
            for (int64_t k = 0; k < order.depth; ++k)
              for (int64_t c = 0; c < order.columns; ++c)
                packed[static_cast<size_t>(g * part + (static_cast<int64_t>(t) * order.depth + k) * padded + c)] =
                    source[static_cast<size_t>(g * order.group_stride + k * order.depth_stride +
                                               c * order.column_stride + order.taps[t])];
      });
  factor.k_stride = padded;
  factor.part[2] = part;
  return factor;
}

gpu::Tensor BandOf(gpu::Tensor map, int64_t begin, int64_t end) {
  map.offset += begin * map.strides[2];
  map.shape[2] = end - begin;
  return map;
}

void AddPixels(gpu::Kernel& kernel, char prefix, const gpu::Tensor& map) {
  const std::string name(1, prefix);
  kernel.Param(name + "_n", map.strides[0]).Param(name + "_y", map.strides[2]).Param(name + "_x", map.strides[3]);
}

void AddConvEpilogue(gpu::Kernel& kernel, const Epilogue& epilogue, const ProductOperands& operands, int64_t begin,
                     int64_t end) {
  AddEpilogue(kernel, epilogue, operands);
  AddPixels(kernel, 'r', operands.residual ? *operands.residual : operands.y);
  if (operands.residual)
    kernel.Read("residual", BandOf(*operands.residual, begin, end), gpu::HoldsVectors(*operands.residual, 1));
  else kernel.Absent("residual");
}

}  // namespace decal
