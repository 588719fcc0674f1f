// WebGPU kernels of convolutions: implicit GEMM over gathered pixels.
// SPDX-License-Identifier: MIT
#include "engine/gpu/conv/conv_gpu.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/rounding.h"
#include "engine/ops/conv/conv.h"
#include "engine/gpu/conv/conv_parts_gpu.h"
#include "engine/gpu/conv/depthwise_gpu.h"
#include "engine/gpu/conv/winograd_gpu.h"

namespace decal {
namespace {

constexpr std::string_view kGather =
#include "engine/gpu/conv/gather.wgsl.inc"
    ;

// Below this many channels a tile of the depth would be mostly zeros: k runs over taps and channels instead.
constexpr int64_t kFlatChannels = 8;

// By so much the cost model may be too good to Winograd's algorithm: without registers and caches it knows less of that than of a product.
constexpr double kWinogradDoubt = 1.25;

Status MakeDense(const Conv& op, const ConvGeometry& g, const GpuRequest& request, const ConvInputs& inputs) {
  ProductOperands operands = ConvOperands(request, g, inputs);
  ProductSpec spec = ConvSpec(g, operands);
  spec.gather = kGather;
  SetTaps(spec, g);
  operands.b = PackFilters(request, ForwardOrder(g));
  if (spec.depth < kFlatChannels && spec.taps > 1) {
    spec.channels = spec.depth;
    spec.depth *= spec.taps;
    spec.taps = 1;
  }
  std::vector<GpuCandidate> candidates = ProductCandidates(request.builder, spec, operands);
  const size_t tiles = candidates.size();
  if (SuitsWinograd(g))
    candidates.push_back({"Winograd F(2x2,3x3)", kWinogradDoubt * WinogradCost(request.builder.limits(), g)});
  const size_t chosen = request.builder.Choose(candidates);
  if (chosen == tiles) {
    request.builder.Algorithm(candidates[chosen].name);
    return MakeWinograd(op, g, request, operands);
  }
  request.builder.Algorithm("implicit GEMM");
  return AddProduct(request, spec, operands, op.epilogue, chosen);
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
  DECAL_TRY_ASSIGN(const ConvGeometry g, Resolve(op, request.inputs[0].tensor.shape, request.inputs[1].tensor.shape));
  const ConvInputs inputs(op.epilogue, 2, 3);
  DECAL_TRY(RequireMaps(request, g, inputs));
  if (g.is_depthwise()) return MakeDepthwise(op, g, request, inputs);
  return MakeDense(op, g, request, inputs);
}

Status MakeGpuKernel(const ConvTranspose& op, const GpuRequest& request) {
  DECAL_TRY_ASSIGN(const ConvGeometry g, Resolve(op, request.inputs[0].tensor.shape, request.inputs[1].tensor.shape));
  const ConvInputs inputs(op.epilogue, 2, 3);
  DECAL_TRY(RequireMaps(request, g, inputs));
  request.builder.Algorithm("implicit GEMM, transposed");
  for (int64_t py = 0; py < std::min(g.stride[0], g.out[0]); ++py) {
    const Phase y = PhaseOf(py, g.pad_begin[0], g.kernel[0], g.stride[0], g.dilation[0]);
    for (int64_t px = 0; px < std::min(g.stride[1], g.out[1]); ++px) {
      const Phase x = PhaseOf(px, g.pad_begin[1], g.kernel[1], g.stride[1], g.dilation[1]);
      ProductOperands operands = ConvOperands(request, g, inputs);
      // The pixels of this phase alone: every stride-th.
      const auto narrow = [&](gpu::Tensor& tensor) {
        tensor.offset += py * tensor.strides[2] + px * tensor.strides[3];
        tensor.shape[2] = CeilDiv(g.out[0] - py, g.stride[0]);
        tensor.shape[3] = CeilDiv(g.out[1] - px, g.stride[1]);
        tensor.strides[2] *= g.stride[0];
        tensor.strides[3] *= g.stride[1];
      };
      narrow(operands.y);
      if (operands.residual) narrow(*operands.residual);
      ProductSpec spec = ConvSpec(g, operands);
      spec.gather = kGather;
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
