// Items, strides and bands of kernels over maps.
// SPDX-License-Identifier: MIT
#include "engine/gpu/templates/map.h"

#include <string>

namespace decal {
namespace {

constexpr std::string_view kMap =
#include "engine/gpu/templates/map.wgsl.inc"
    ;

gpu::Kernel KernelOf(const MapKernel& map, const MapBand& band) {
  const gpu::Tensor x = MapsOf(map.x, band), y = MapsOf(map.y, band);
  const bool neighbours = x.strides[1] == 1 && y.strides[1] == 1;
  const int64_t width = neighbours ? 4 : 1, channels = y.shape[1], rows = band.end_row - band.first_row;
  const int64_t items = y.shape[0] * ((channels + width - 1) / width) * rows * y.shape[3];
  gpu::Kernel kernel(map.label, map.body);
  kernel.Include(kMap).Const("WIDTH", width).Flag("CHANNELS_FIRST", neighbours);
  kernel.Elements(items).Param("channels", channels).Param("rows", rows).Param("columns", y.shape[3]);
  kernel.Param("first_row", band.first_row);
  AddStrides(kernel, "x", x);
  AddStrides(kernel, "y", y);
  const gpu::Span source = map.source_rows(band.first_row, band.end_row);
  kernel.Read("x", x, neighbours && gpu::HoldsVectors(x, 1), {2, source.begin, source.end});
  kernel.Write("y", y, neighbours && gpu::HoldsVectors(y, 1), {2, band.first_row, band.end_row});
  map.adjust(kernel, band);
  return kernel;
}

}  // namespace

void AddStrides(gpu::Kernel& kernel, const std::string& name, const gpu::Tensor& map) {
  kernel.Param(name + "_n", map.strides[0]).Param(name + "_c", map.strides[1]);
  kernel.Param(name + "_y", map.strides[2]).Param(name + "_x", map.strides[3]);
}

gpu::Tensor MapsOf(gpu::Tensor tensor, const MapBand& band) {
  tensor.offset += band.first_map * tensor.strides[0];
  tensor.shape[0] = band.end_map - band.first_map;
  return tensor;
}

Status AddMapKernel(gpu::PlanBuilder& builder, const MapKernel& map) {
  const int64_t maps = map.y.shape[0], height = map.y.shape[2];
  if (map.y.shape.elements() == 0) return {};
  Status made =
      builder.AddInBands(maps, [&](int64_t begin, int64_t end) { return KernelOf(map, {begin, end, 0, height}); });
  if (made || made.error().code != ErrorCode::kLimitExceeded) return made;
  for (int64_t n = 0; n < maps; ++n)
    DECAL_TRY(
        builder.AddInBands(height, [&](int64_t begin, int64_t end) { return KernelOf(map, {n, n + 1, begin, end}); }));
  return {};
}

Result<gpu::Tensor> AsRank4Map(gpu::Tensor tensor, std::string_view op) {
  if (tensor.shape.rank() == 3) {
    tensor.shape.insert(2, 1);
    tensor.strides.insert(2, 0);
  }
  if (tensor.shape.rank() != 4)
    return Fail(ErrorCode::kUnsupportedOperator,
                "no WebGPU kernel for " + std::string(op) + " of rank " + std::to_string(tensor.shape.rank()));
  return tensor;
}

}  // namespace decal
