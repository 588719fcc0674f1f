// WebGPU kernel of 3x3 convolutions by Winograd's algorithm, without memory of its own.
//
// F(4x4,3x3) as separate passes would do 4 times fewer products instead of 2.25, but needs V and M in memory (4.5 times the
// layer's maps) and filters 4 times larger. IS-Net at 1024 has a few megabytes to spare where its maps are largest, and at
// that size each pass would be cut into pieces too small for a device. F(2x2,3x3) fits workgroup memory whole.
// SPDX-License-Identifier: MIT
#include "engine/gpu/conv/winograd_gpu.h"

#include <algorithm>

#include "engine/base/rounding.h"
#include "engine/gpu/cost.h"

namespace decal {
namespace {

constexpr std::string_view kWinograd =
#include "engine/gpu/conv/winograd.wgsl.inc"
    ;

constexpr int64_t kTiles = 32, kTileColumns = 32, kInvocations = 256, kWorkgroupBytes = 16384;  // see winograd.wgsl

// Tiles of 2x2 pixels in one direction: blocks of them interleave as far as the convolution is dilated.
int64_t TilesOf(int64_t extent, int64_t dilation) { return CeilDiv(extent, 2 * dilation) * dilation; }

}  // namespace

bool SuitsWinograd(const ConvGeometry& g) {
  return g.group == 1 && g.kernel[0] == 3 && g.kernel[1] == 3 && g.stride[0] == 1 && g.stride[1] == 1;
}

double WinogradCost(const GpuLimits& limits, const ConvGeometry& g) {
  // Of one invocation: for four channels 256 MACs, 24 vectors from workgroup memory, two barriers, the mean of an input
  // transform (8 loads) and a filter transform (9 loads); for its share of the output 32 vectors through workgroup memory, four
  // epilogues and stores.
  constexpr double kOfChannels = 256 + 24 * gpu::kShared + 180 + 2 * gpu::kBarrier, kOfOutput = 500;
  // 16 sums of four, 8 vectors of tiles, four of filters, and addresses.
  constexpr int64_t kRegisters = 136;
  const int64_t tiles = g.batch * TilesOf(g.out[0], g.dilation[0]) * TilesOf(g.out[1], g.dilation[1]);
  const int64_t groups = CeilDiv(tiles, kTiles) * CeilDiv(g.out_channels, kTileColumns);
  return gpu::DispatchCost(limits, {groups, kInvocations, kWorkgroupBytes, kRegisters},
                           static_cast<double>(CeilDiv(g.in_channels, 4)) * kOfChannels + kOfOutput);
}

Status MakeWinograd(const Conv& op, const ConvGeometry& g, const GpuRequest& request, const ProductOperands& operands) {
  const gpu::Tensor &x = operands.x, &y = operands.y;
  // A band is a number of blocks of tile rows, in each of which all phases of a dilated convolution have one.
  const int64_t block = 2 * g.dilation[0];
  return request.builder.AddInBands(CeilDiv(g.out[0], block), [&](int64_t first, int64_t last) {
    const int64_t begin = first * block, end = std::min(last * block, g.out[0]);
    const int64_t tiles_y = (last - first) * g.dilation[0], tiles_x = TilesOf(g.out[1], g.dilation[1]);
    const int64_t tiles = g.batch * tiles_y * tiles_x;
    gpu::Kernel kernel("Winograd convolution", kWinograd);
    kernel.Workgroup(kInvocations)
        .WorkgroupBytes(kWorkgroupBytes)
        .Groups(CeilDiv(tiles, kTiles), CeilDiv(g.out_channels, kTileColumns));
    kernel.Param("tiles", tiles).Param("tiles_y", tiles_y).Param("tiles_x", tiles_x);
    kernel.Param("depth", g.in_channels).Param("columns", g.out_channels);
    kernel.Param("height", g.in[0]).Param("width", g.in[1]).Param("row_y", end - begin).Param("row_x", g.out[1]);
    kernel.Param("first_y", begin - g.pad_begin[0]).Param("first_x", -g.pad_begin[1]);
    kernel.Param("dilation_y", g.dilation[0]).Param("dilation_x", g.dilation[1]);
    kernel.Param("w_k", operands.b.k_stride).Param("w_tap", g.in_channels * operands.b.k_stride);
    AddPixels(kernel, 'a', x);
    AddPixels(kernel, 'o', y);
    kernel.Read("x", x, gpu::HoldsVectors(x, 1), {2, begin - g.pad_begin[0], end - g.pad_begin[0] + block});
    kernel.Write("y", BandOf(y, begin, end), gpu::HoldsVectors(y, 1)).Read("w", operands.b.tensor, true);
    AddConvEpilogue(kernel, op.epilogue, operands, begin, end);
    return kernel;
  });
}

}  // namespace decal
