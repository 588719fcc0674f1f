// WebGPU kernel of depthwise convolutions: bound by memory, so every invocation just reads its window.
// SPDX-License-Identifier: MIT
#include "engine/gpu/conv/depthwise_gpu.h"

namespace decal {
namespace {

constexpr std::string_view kDepthwise =
#include "engine/gpu/conv/depthwise.wgsl.inc"
    ;

// Filters as [tap][channels padded to 4].
gpu::Tensor PackWindows(const GpuRequest& request, int64_t taps, int64_t channels) {
  constexpr int64_t kWindows = 104;
  const int64_t id[] = {kWindows, taps, channels}, padded = PaddedColumns(channels);
  return PackedWeight(request, request.inputs[1].constant, PackingId(id), taps * padded,
                      [=](std::span<const float> source, std::span<float> packed) {
                        for (int64_t c = 0; c < channels; ++c)
                          for (int64_t t = 0; t < taps; ++t)
                            packed[static_cast<size_t>(t * padded + c)] = source[static_cast<size_t>(c * taps + t)];
                      });
}

}  // namespace

Status MakeDepthwise(const Conv& op, const ConvGeometry& g, const GpuRequest& request, const ConvInputs& inputs) {
  const int64_t channels = g.in_channels, quads = PaddedColumns(channels) / 4;
  ProductOperands operands = ConvOperands(request, g, inputs);
  // One part of all channels, where a product would have as many parts as channels.
  operands.bias = PackedChannels(request, inputs.bias, 1, channels);
  operands.slope = PackedChannels(request, inputs.extra.slope, 1, channels);
  const gpu::Tensor &x = operands.x, &y = operands.y;
  const gpu::Tensor windows = PackWindows(request, g.kernel[0] * g.kernel[1], channels);
  request.builder.Algorithm("depthwise");
  const auto make = [&](int64_t begin, int64_t end) {
    gpu::Kernel kernel("depthwise convolution", kDepthwise);
    kernel.Const("TAPS_Y", g.kernel[0]).Const("TAPS_X", g.kernel[1]);
    const int64_t items = g.batch * (end - begin) * g.out[1] * quads, first_y = begin * g.stride[0] - g.pad_begin[0];
    kernel.Elements(items).Param("channels", channels);
    kernel.Param("row_y", end - begin).Param("row_x", g.out[1]).Param("height", g.in[0]).Param("width", g.in[1]);
    kernel.Param("step_y", g.stride[0]).Param("step_x", g.stride[1]);
    kernel.Param("first_y", first_y).Param("first_x", -g.pad_begin[1]);
    kernel.Param("tap_step_y", g.dilation[0]).Param("tap_step_x", g.dilation[1]);
    AddPixels(kernel, 'a', x);
    AddPixels(kernel, 'o', y);
    const int64_t last_y = first_y + (end - begin - 1) * g.stride[0] + (g.kernel[0] - 1) * g.dilation[0];
    kernel.Read("x", x, gpu::HoldsVectors(x, 1), {2, first_y, last_y + 1});
    kernel.Write("y", BandOf(y, begin, end), gpu::HoldsVectors(y, 1)).Read("w", windows, true);
    AddConvEpilogue(kernel, op.epilogue, operands, begin, end);
    return kernel;
  };
  return request.builder.AddInBands(g.out[0], make);
}

}  // namespace decal
