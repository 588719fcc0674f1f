// WebGPU kernels of convolutions: implicit GEMM over gathered pixels.
#include "engine/ops/conv/conv_gpu.h"

#include <algorithm>
#include <utility>

#include "engine/ops/conv/conv.h"
#include "engine/ops/conv/conv_geometry.h"
#include "engine/ops/product_gpu.h"

namespace decal {
namespace {

constexpr std::string_view kGather =
#include "engine/ops/conv/gather.wgsl.inc"
    ;

// [N,C,W] as [N,C,1,W].
gpu::Tensor AsMap(gpu::Tensor tensor) {
  const TensorView view = AsRank4({nullptr, DType::kFloat32, tensor.shape, tensor.strides});
  tensor.shape = view.shape;
  tensor.strides = view.strides;
  return tensor;
}

bool IsChannelsLast(const gpu::Tensor& tensor) { return tensor.shape[1] <= 1 || tensor.strides[1] == 1; }

Status RequireMaps(const GpuRequest& request, const EpilogueInputs& extra) {
  const auto refuse = [](const char* what) {
    return Fail(ErrorCode::kUnsupportedOperator, std::string("no WebGPU kernel for convolutions ") + what);
  };
  if (!request.is_constant(1) || (request.has(2) && !request.is_constant(2)) ||
      (extra.slope != EpilogueInputs::kAbsent && !request.is_constant(extra.slope)))
    return refuse("whose weights are computed");
  for (const size_t i : {size_t{0}, extra.residual})
    if (i != EpilogueInputs::kAbsent && !IsChannelsLast(AsMap(request.inputs[i].tensor)))
      return refuse("of row-major maps");
  if (!IsChannelsLast(AsMap(request.out()))) return refuse("into row-major maps");
  return {};
}

RowStrides MapStrides(const gpu::Tensor& map, int64_t group_channels) {
  return {map.strides[0], map.strides[2], map.strides[3], {0, 0, group_channels}};
}

// What convolutions of both directions share; weights, taps and steps are the caller's.
ProductSpec BaseSpec(const ConvGeometry& g, const ProductOperands& operands) {
  ProductSpec spec{.label = "convolution", .gather = kGather};
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

ProductOperands BaseOperands(const GpuRequest& request, const ConvGeometry& g, const EpilogueInputs& extra) {
  const int64_t columns = g.out_channels / g.group;
  ProductOperands operands{.x = AsMap(request.At(0)), .y = AsMap(request.out())};
  operands.bias = PackedChannels(request, 2, g.group, columns);
  if (extra.slope != EpilogueInputs::kAbsent)
    operands.slope = PackedChannels(request, extra.slope, g.group, columns);
  if (extra.residual != EpilogueInputs::kAbsent) operands.residual = AsMap(request.At(extra.residual));
  operands.bias_part = PaddedColumns(columns);
  return operands;
}

// Where the element of a tap, a channel of the group, a column and a group lies in the weight.
struct WeightOrder {
  std::vector<int64_t> taps;  // offsets in the file's kernel window
  int64_t window = 1, depth = 1, columns = 1, groups = 1;
  int64_t depth_stride = 0, column_stride = 0, group_stride = 0;
};

ProductFactor PackFilters(const GpuRequest& request, const WeightOrder& order) {
  constexpr int64_t kFilters = 102;
  std::vector<int64_t> id = {kFilters,           order.depth,         order.columns,    order.groups,
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

// Below this many channels a tile of the depth would be mostly zeros: k runs over taps and channels instead.
constexpr int64_t kFlatChannels = 8;

Status MakeDense(const Conv& op, const ConvGeometry& g, const GpuRequest& request) {
  ProductOperands operands = BaseOperands(request, g, EpilogueInputs(op.epilogue, 3));
  ProductSpec spec = BaseSpec(g, operands);
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
  WeightOrder order{.window = spec.taps, .depth = spec.depth, .columns = spec.columns, .groups = g.group};
  for (int64_t t = 0; t < spec.taps; ++t) order.taps.push_back(t);
  order.depth_stride = spec.taps;
  order.column_stride = spec.depth * spec.taps;
  order.group_stride = spec.columns * order.column_stride;
  operands.b = PackFilters(request, order);
  if (spec.depth < kFlatChannels && spec.taps > 1) {
    spec.channels = spec.depth;
    spec.depth *= spec.taps;
    spec.taps = 1;
  }
  request.builder.Algorithm("implicit GEMM");
  return AddProduct(request, spec, operands, op.epilogue);
}

// The kernel positions k of one remainder: those with (first - k * dilation) divisible by the stride. They are evenly
// spaced, and so are the input positions they read.
struct Phase {
  std::vector<int64_t> taps;
  int64_t first = 0, step = 0;  // input positions of taps[0] and from tap to tap
};

Phase PhaseOf(int64_t remainder, int64_t pad, int64_t kernel, int64_t stride, int64_t dilation) {
  Phase phase;
  for (int64_t k = 0; k < kernel; ++k) {
    const int64_t at = remainder + pad - k * dilation;
    if (at % stride != 0) continue;
    if (phase.taps.empty()) phase.first = at / stride;
    else if (phase.taps.size() == 1) phase.step = at / stride - phase.first;
    phase.taps.push_back(k);
  }
  return phase;
}

}  // namespace

Status MakeGpuKernel(const Conv& op, const GpuRequest& request) {
  DECAL_TRY_ASSIGN(const ConvGeometry g,
                   Resolve(op, request.inputs[0].tensor.shape, request.inputs[1].tensor.shape));
  if (g.spatial > 2) return Fail(ErrorCode::kUnsupportedOperator, "no WebGPU kernel for convolutions of volumes");
  DECAL_TRY(RequireMaps(request, EpilogueInputs(op.epilogue, 3)));
  return MakeDense(op, g, request);
}

Status MakeGpuKernel(const ConvTranspose& op, const GpuRequest& request) {
  DECAL_TRY_ASSIGN(const ConvGeometry g,
                   Resolve(op, request.inputs[0].tensor.shape, request.inputs[1].tensor.shape));
  if (g.spatial > 2) return Fail(ErrorCode::kUnsupportedOperator, "no WebGPU kernel for convolutions of volumes");
  const EpilogueInputs extra(op.epilogue, 3);
  DECAL_TRY(RequireMaps(request, extra));
  request.builder.Algorithm("implicit GEMM, transposed");
  for (int64_t py = 0; py < std::min(g.stride[0], g.out[0]); ++py) {
    const Phase y = PhaseOf(py, g.pad_begin[0], g.kernel[0], g.stride[0], g.dilation[0]);
    for (int64_t px = 0; px < std::min(g.stride[1], g.out[1]); ++px) {
      const Phase x = PhaseOf(px, g.pad_begin[1], g.kernel[1], g.stride[1], g.dilation[1]);
      ProductOperands operands = BaseOperands(request, g, extra);
      // The pixels of this phase alone: every stride-th.
      const auto narrow = [&](gpu::Tensor& tensor) {
        tensor.offset += py * tensor.strides[2] + px * tensor.strides[3];
        tensor.shape[2] = (g.out[0] - py + g.stride[0] - 1) / g.stride[0];
        tensor.shape[3] = (g.out[1] - px + g.stride[1] - 1) / g.stride[1];
        tensor.strides[2] *= g.stride[0];
        tensor.strides[3] *= g.stride[1];
      };
      narrow(operands.y);
      if (operands.residual) narrow(*operands.residual);
      ProductSpec spec = BaseSpec(g, operands);
      spec.rows_y = operands.y.shape[2];
      spec.rows_x = operands.y.shape[3];
      spec.first_y = y.first;
      spec.first_x = x.first;
      spec.tap_step_y = y.step;
      spec.tap_step_x = x.step;
      spec.taps_x = std::max<int64_t>(1, static_cast<int64_t>(x.taps.size()));
      WeightOrder order{.depth = spec.depth, .columns = spec.columns, .groups = g.group};
      for (const int64_t ky : y.taps)
        for (const int64_t kx : x.taps) order.taps.push_back(ky * g.kernel[1] + kx);
      spec.taps = static_cast<int64_t>(order.taps.size());
      const int64_t window = g.kernel[0] * g.kernel[1];
      order.column_stride = window;
      order.depth_stride = spec.columns * window;
      order.group_stride = spec.depth * order.depth_stride;
      operands.b = PackFilters(request, order);
      DECAL_TRY(AddProduct(request, spec, operands, op.epilogue));
    }
  }
  return {};
}

}  // namespace decal
