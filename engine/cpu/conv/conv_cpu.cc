// CPU kernels of convolutions: implicit GEMM or depthwise, chosen by shape and strides.
// SPDX-License-Identifier: MIT
#include "engine/cpu/conv/conv_cpu.h"

#include <algorithm>
#include <utility>

#include "engine/base/rounding.h"
#include "engine/cpu/simd/depthwise.h"
#include "engine/cpu/simd/upsampling_conv.h"
#include "engine/ops/conv/conv_geometry.h"
#include "engine/cpu/winograd/winograd_cpu.h"

namespace decal {
namespace {

bool IsChannelsLastFloat(const TensorView& view) {
  return view.dtype == DType::kFloat32 && (view.shape[1] <= 1 || view.strides[1] == 1);
}

cpu::PixelStrides PixelStridesOf(const TensorView& view) {
  const Strides s = AsRank4(view).strides;
  return {static_cast<ptrdiff_t>(s[0]), static_cast<ptrdiff_t>(s[2]), static_cast<ptrdiff_t>(s[3])};
}

// Whether the fast kernels can take these operands at all.
bool Fits(const KernelRequest& request, const EpilogueInputs& extra) {
  if (!HasConstantWeights(request, 1, 2, extra)) return false;
  if (!IsChannelsLastFloat(request.inputs[0].view) || !IsChannelsLastFloat(request.outputs[0].view)) return false;
  return extra.residual == EpilogueInputs::kAbsent || IsChannelsLastFloat(request.inputs[extra.residual].view);
}

// Everything but steps, taps and phases.
cpu::IndirectConvShape BaseShape(const ConvGeometry& g, const KernelRequest& request, const EpilogueInputs& extra) {
  cpu::IndirectConvShape shape;
  shape.batch = static_cast<size_t>(g.batch);
  shape.in_height = static_cast<size_t>(g.in[0]);
  shape.in_width = static_cast<size_t>(g.in[1]);
  shape.groups = static_cast<size_t>(g.group);
  shape.depth = static_cast<size_t>(g.in_channels / g.group);
  shape.columns = static_cast<size_t>(g.out_channels / g.group);
  shape.in = PixelStridesOf(request.inputs[0].view);
  shape.out = PixelStridesOf(request.outputs[0].view);
  if (extra.residual != EpilogueInputs::kAbsent) shape.residual = PixelStridesOf(request.inputs[extra.residual].view);
  return shape;
}

cpu::ConvolutionMaps MapsOf(const ConvGeometry& g, const cpu::IndirectConvShape& base) {
  return {.batch = base.batch,
          .in_height = base.in_height,
          .in_width = base.in_width,
          .out_height = static_cast<size_t>(g.out[0]),
          .out_width = static_cast<size_t>(g.out[1]),
          .dilation_y = static_cast<size_t>(g.dilation[0]),
          .dilation_x = static_cast<size_t>(g.dilation[1]),
          .pad_top = static_cast<ptrdiff_t>(g.pad_begin[0]),
          .pad_left = static_cast<ptrdiff_t>(g.pad_begin[1]),
          .in = base.in,
          .out = base.out,
          .residual = base.residual};
}

KernelResult MakeDenseKernel(const Conv& op, const ConvGeometry& g, const KernelRequest& request) {
  IndirectConvSpec spec{.extra = EpilogueInputs(op.epilogue, 3)};
  spec.shape = BaseShape(g, request, spec.extra);
  spec.shape.in_step_y = static_cast<size_t>(g.stride[0]);
  spec.shape.in_step_x = static_cast<size_t>(g.stride[1]);
  const int64_t window = g.kernel[0] * g.kernel[1];
  for (int64_t ky = 0; ky < g.kernel[0]; ++ky) {
    for (int64_t kx = 0; kx < g.kernel[1]; ++kx) {
      spec.shape.taps.push_back({static_cast<int32_t>(ky * g.dilation[0] - g.pad_begin[0]),
                                 static_cast<int32_t>(kx * g.dilation[1] - g.pad_begin[1])});
      spec.order.tap_offsets.push_back(ky * g.kernel[1] + kx);
    }
  }
  spec.shape.phases.push_back({.height = static_cast<size_t>(g.out[0]),
                               .width = static_cast<size_t>(g.out[1]),
                               .taps = spec.shape.taps.size()});
  spec.order.depth_stride = window;
  spec.order.column_stride = g.in_channels / g.group * window;
  spec.order.group_stride = g.out_channels / g.group * spec.order.column_stride;
  cpu::IndirectConvPlan plan = PlanIndirectConv(spec, op.epilogue, request);
  // The same panels whatever is chosen, so that a weight whose raw form is gone serves every later size.
  DECAL_TRY_ASSIGN(PackedOperands operands, PackOperands(request, plan, spec.order, {.extra = spec.extra}));
  WinogradChoice choice = ChooseWinograd(g, MapsOf(g, plan.shape), plan, request.runner.thread_count());
  if (choice.plan) return MakeWinogradKernel(std::move(choice), std::move(operands), request);
  spec.choice = std::move(choice.text);
  return MakeIndirectConvKernel(spec, std::move(plan), std::move(operands));
}

// An output position o of a transposed convolution reads input i with kernel index k where
// o + pad = i * stride + k * dilation. Positions with the same remainder by the stride use the same k: a phase.
KernelResult MakeTransposedKernel(const ConvTranspose& op, const ConvGeometry& g, const KernelRequest& request) {
  IndirectConvSpec spec{.extra = EpilogueInputs(op.epilogue, 3), .algorithm = "implicit GEMM, transposed"};
  spec.shape = BaseShape(g, request, spec.extra);
  spec.shape.out_step_y = static_cast<size_t>(g.stride[0]);
  spec.shape.out_step_x = static_cast<size_t>(g.stride[1]);
  const int64_t window = g.kernel[0] * g.kernel[1];
  for (int64_t py = 0; py < std::min(g.stride[0], g.out[0]); ++py) {
    for (int64_t px = 0; px < std::min(g.stride[1], g.out[1]); ++px) {
      cpu::Phase phase{.first_y = static_cast<size_t>(py), .first_x = static_cast<size_t>(px)};
      phase.height = static_cast<size_t>(CeilDiv(g.out[0] - py, g.stride[0]));
      phase.width = static_cast<size_t>(CeilDiv(g.out[1] - px, g.stride[1]));
      phase.first_tap = spec.shape.taps.size();
      for (int64_t ky = 0; ky < g.kernel[0]; ++ky) {
        const int64_t y = py + g.pad_begin[0] - ky * g.dilation[0];
        if (y % g.stride[0] != 0) continue;
        for (int64_t kx = 0; kx < g.kernel[1]; ++kx) {
          const int64_t x = px + g.pad_begin[1] - kx * g.dilation[1];
          if (x % g.stride[1] != 0) continue;
          spec.shape.taps.push_back({static_cast<int32_t>(y / g.stride[0]), static_cast<int32_t>(x / g.stride[1])});
          spec.order.tap_offsets.push_back(ky * g.kernel[1] + kx);
        }
      }
      phase.taps = spec.shape.taps.size() - phase.first_tap;
      spec.shape.phases.push_back(phase);
    }
  }
  spec.order.column_stride = window;
  spec.order.depth_stride = g.out_channels / g.group * window;
  spec.order.group_stride = g.in_channels / g.group * spec.order.depth_stride;
  return MakeIndirectConvKernel(spec, op.epilogue, request);
}

class DepthwiseKernel final : public CpuKernel {
 public:
  cpu::DepthwiseShape shape;
  cpu::Epilogue epilogue;
  PackedOperands operands;

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    const cpu::IndirectConvBuffers buffers = operands.Bind(in, out);
    // About 10 microseconds of work; see kMinTaskMultiplyAdds.
    constexpr uint64_t kTaskMultiplyAdds = 1 << 18;
    const size_t rows = shape.batch * shape.out_height;
    const uint64_t row_work = std::max<uint64_t>(1, multiply_adds() / std::max<size_t>(1, rows));
    const size_t task_rows = static_cast<size_t>(std::max<uint64_t>(1, kTaskMultiplyAdds / row_work));
    ParallelFor(context.runner, CeilDiv(rows, task_rows), [&](size_t task, size_t) {
      const size_t first = task * task_rows;
      cpu::RunDepthwiseRows(shape, epilogue, buffers, first, std::min(task_rows, rows - first));
    });
  }
  bool reads_input(size_t i) const override { return operands.reads_input(i); }
  const char* algorithm() const override { return "depthwise"; }
  uint64_t multiply_adds() const override {
    return uint64_t{shape.batch} * shape.out_height * shape.out_width * shape.channels * shape.kernel_height *
           shape.kernel_width;
  }
};

// Weights [C,1,kh,kw] become [tap][channel]: the panel format for one wide panel.
KernelResult MakeDepthwiseKernel(const Conv& op, const ConvGeometry& g, const KernelRequest& request) {
  auto kernel = std::make_unique<DepthwiseKernel>();
  const EpilogueInputs extra(op.epilogue, 3);
  const cpu::IndirectConvShape base = BaseShape(g, request, extra);
  cpu::DepthwiseShape& s = kernel->shape;
  static_cast<cpu::ConvolutionMaps&>(s) = MapsOf(g, base);
  s.channels = base.groups;
  s.kernel_height = static_cast<size_t>(g.kernel[0]);
  s.kernel_width = static_cast<size_t>(g.kernel[1]);
  s.stride_y = static_cast<size_t>(g.stride[0]);
  s.stride_x = static_cast<size_t>(g.stride[1]);
  kernel->epilogue = ToCpuEpilogue(op.epilogue);
  kernel->operands.residual = extra.residual;

  constexpr int64_t kDepthwiseFormat = 3;  // beside those of the implicit GEMM
  const cpu::TileShape tile = cpu::IndirectConvTileShape();
  const size_t taps = s.kernel_height * s.kernel_width, padded = cpu::PaddedColumns(s.channels, tile);
  const int64_t id[] = {kDepthwiseFormat, static_cast<int64_t>(tile.lanes)};
  DECAL_TRY_ASSIGN(kernel->operands.weights,
                   request.packed.Get(request.inputs[1].constant, PackingId(id), taps * padded * sizeof(float),
                                      [&](const TensorView& source, std::byte* packed) {
                                        float* to = reinterpret_cast<float*>(packed);
                                        for (size_t tap = 0; tap < taps; ++tap)
                                          for (size_t c = 0; c < padded; ++c)
                                            *to++ = c < s.channels ? source.as<float>()[c * taps + tap] : 0.0f;
                                      }));
  // Bias and slopes of one group with all channels.
  cpu::IndirectConvShape columns;
  columns.columns = s.channels;
  DECAL_TRY_ASSIGN(kernel->operands.bias, PackColumns(request, 2, columns, tile));
  DECAL_TRY_ASSIGN(kernel->operands.slopes, PackColumns(request, extra.slope, columns, tile));
  return kernel;
}

class UpsamplingKernel final : public CpuKernel {
 public:
  cpu::UpsamplingShape shape;
  cpu::Epilogue epilogue;
  PackedOperands operands;

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    const cpu::IndirectConvBuffers buffers = operands.Bind(in, out);
    // About 20 microseconds of work: little is done with each of the values, but an activation.
    constexpr size_t kTaskValues = 1 << 13;
    const size_t rows = shape.batch * shape.in_height;
    const size_t task_rows = std::max<size_t>(1, kTaskValues / std::max<size_t>(1, shape.in_width * shape.block()));
    ParallelFor(context.runner, CeilDiv(rows, task_rows), [&](size_t task, size_t) {
      const size_t first = task * task_rows;
      cpu::RunUpsamplingRows(shape, epilogue, buffers, first, std::min(task_rows, rows - first));
    });
  }
  bool reads_input(size_t i) const override { return operands.reads_input(i); }
  const char* algorithm() const override { return "transposed, by blocks"; }
  uint64_t multiply_adds() const override {
    return uint64_t{shape.batch} * shape.in_height * shape.in_width * shape.depth * shape.block();
  }
};

// One output channel, and input pixels whose outputs lie apart.
bool IsUpsampling(const ConvTranspose& op, const ConvGeometry& g) {
  if (g.group != 1 || g.out_channels != 1 || EpilogueInputs(op.epilogue, 3).residual != EpilogueInputs::kAbsent ||
      ToCpuEpilogue(op.epilogue).post == cpu::Epilogue::Post::kSlopes)
    return false;
  for (size_t i = 0; i < 2; ++i) {
    if (g.kernel[i] != g.stride[i] || g.pad_begin[i] != 0 || g.out[i] != g.in[i] * g.stride[i]) return false;
    if (g.dilation[i] != 1 && g.kernel[i] != 1) return false;
  }
  return g.kernel[0] * g.kernel[1] <= static_cast<int64_t>(cpu::kMostBlockPixels);
}

// Weights [C,1,kh,kw] are blocks already, but for their padding.
KernelResult MakeUpsamplingKernel(const ConvTranspose& op, const ConvGeometry& g, const KernelRequest& request) {
  auto kernel = std::make_unique<UpsamplingKernel>();
  const cpu::IndirectConvShape base = BaseShape(g, request, EpilogueInputs(op.epilogue, 3));
  cpu::UpsamplingShape& s = kernel->shape;
  static_cast<cpu::ConvolutionMaps&>(s) = MapsOf(g, base);
  s.depth = base.depth;
  s.block_height = static_cast<size_t>(g.kernel[0]);
  s.block_width = static_cast<size_t>(g.kernel[1]);
  kernel->epilogue = ToCpuEpilogue(op.epilogue);
  constexpr int64_t kUpsamplingFormat = 4;  // beside those of the implicit GEMM and depthwise
  const int64_t id[] = {kUpsamplingFormat};
  const size_t padded = UpsamplingWeights(s), block = s.block();
  DECAL_TRY_ASSIGN(kernel->operands.weights,
                   request.packed.Get(request.inputs[1].constant, PackingId(id), s.depth * padded * sizeof(float),
                                      [&](const TensorView& source, std::byte* packed) {
                                        float* to = reinterpret_cast<float*>(packed);
                                        for (size_t c = 0; c < s.depth; ++c)
                                          for (size_t i = 0; i < padded; ++i)
                                            *to++ = i < block ? source.as<float>()[c * block + i] : 0.0f;
                                      }));
  cpu::IndirectConvShape columns;
  columns.columns = 1;
  DECAL_TRY_ASSIGN(kernel->operands.bias, PackColumns(request, 2, columns, cpu::IndirectConvTileShape()));
  return kernel;
}

}  // namespace

KernelResult MakeCpuKernel(const Conv& op, const KernelRequest& request) {
  if (!Fits(request, EpilogueInputs(op.epilogue, 3))) return nullptr;
  DECAL_TRY_ASSIGN(const ConvGeometry g, Resolve(op, request.inputs[0].view.shape, request.inputs[1].view.shape));
  if (g.spatial > 2) return nullptr;
  if (g.is_depthwise()) return MakeDepthwiseKernel(op, g, request);
  return MakeDenseKernel(op, g, request);
}

KernelResult MakeCpuKernel(const ConvTranspose& op, const KernelRequest& request) {
  if (!Fits(request, EpilogueInputs(op.epilogue, 3))) return nullptr;
  DECAL_TRY_ASSIGN(const ConvGeometry g, Resolve(op, request.inputs[0].view.shape, request.inputs[1].view.shape));
  if (g.spatial > 2) return nullptr;
  constexpr int64_t kMaxPhases = 1024;  // a stride of 32 in both directions; tables grow with its square
  if (g.stride[0] * g.stride[1] > kMaxPhases) return nullptr;
  if (IsUpsampling(op, g)) return MakeUpsamplingKernel(op, g, request);
  return MakeTransposedKernel(op, g, request);
}

}  // namespace decal
