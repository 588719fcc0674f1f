// The WebGPU kernel of GridSample.
// SPDX-License-Identifier: MIT
#include "engine/gpu/grid_sample/grid_sample_gpu.h"

#include "engine/gpu/templates/map.h"

namespace decal {
namespace {

constexpr std::string_view kGridSample =
#include "engine/gpu/grid_sample/grid_sample.wgsl.inc"
    ;

}  // namespace

Status MakeGpuKernel(const GridSample& op, const GpuRequest& request) {
  const gpu::Tensor x = request.At(0), grid = request.At(1);
  if (x.shape.rank() != 4) return Fail(ErrorCode::kUnsupportedOperator, "no WebGPU kernel for GridSample of volumes");
  request.builder.Algorithm("samples");
  return AddMapKernel(
      request.builder,
      {.label = "grid sample",
       .body = kGridSample,
       .x = x,
       .y = request.out(),
       .source_rows = [&](int64_t, int64_t) { return gpu::Span{0, x.shape[2]}; },
       .adjust =
           [&](gpu::Kernel& kernel, const MapBand& band) {
             kernel.Const("TAPS", op.mode == ResizeMode::kNearest ? 1 : op.mode == ResizeMode::kLinear ? 2 : 4);
             kernel.Flag("ALIGN_CORNERS", op.align_corners).Flag("BORDER", op.padding == GridPadding::kBorder);
             kernel.Flag("REFLECTION", op.padding == GridPadding::kReflection);
             kernel.Param("height", x.shape[2]).Param("width", x.shape[3]);
             kernel.Param("grid_n", grid.strides[0]).Param("grid_y", grid.strides[1]);
             kernel.Param("grid_x", grid.strides[2]).Param("grid_c", grid.strides[3]);
             kernel.Read("grid", MapsOf(grid, band), false, {1, band.first_row, band.end_row});
           }});
}

}  // namespace decal
