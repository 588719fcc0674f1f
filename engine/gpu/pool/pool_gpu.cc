// WebGPU kernels of pooling: windows pixel by pixel, whole maps as reductions.
// SPDX-License-Identifier: MIT
#include "engine/gpu/pool/pool_gpu.h"

#include <algorithm>
#include <limits>

#include "engine/gpu/templates/map.h"
#include "engine/ops/pool/pool_window.h"
#include "engine/gpu/templates/reduction.h"

namespace decal {
namespace {

constexpr std::string_view kPool =
#include "engine/gpu/pool/pool.wgsl.inc"
    ;

constexpr float kLowest = -std::numeric_limits<float>::infinity();

// One window that is the whole map.
bool IsWholeMap(const PoolAxis& axis, int64_t out) {
  return out == 1 && axis.kernel == axis.extent && axis.dilation == 1 && axis.pad_begin == 0 &&
         axis.count_end == axis.extent;
}

}  // namespace

Status MakeGpuKernel(const Pool& op, const GpuRequest& request) {
  if (request.outputs.size() > 1)
    return Fail(ErrorCode::kUnsupportedOperator, "no WebGPU kernel for Pool with indices");
  const GpuOperand& input = request.inputs[0];
  DECAL_TRY_ASSIGN(const PoolGeometry g, ResolvePool(op, input.tensor.shape));
  if (g.spatial_rank > 2) return Fail(ErrorCode::kUnsupportedOperator, "no WebGPU kernel for Pool of volumes");
  // [N,C,W] is a map of one row.
  const PoolAxis rows = g.spatial_rank == 2 ? g.axes[0] : PoolAxis{}, columns = g.axes[g.spatial_rank - 1];
  DECAL_TRY_ASSIGN(const gpu::Tensor x, AsRank4Map(request.At(0), "Pool"));
  DECAL_TRY_ASSIGN(const gpu::Tensor y, AsRank4Map(request.out(), "Pool"));
  if (IsWholeMap(rows, y.shape[2]) && IsWholeMap(columns, y.shape[3]))
    return MakeGpuKernel(GlobalPool{op.kind}, request);
  const bool largest = op.kind == PoolKind::kMax;
  request.builder.Algorithm("windows");
  return AddMapKernel(
      request.builder,
      {.label = "pool",
       .body = kPool,
       .x = x,
       .y = y,
       .source_rows =
           [&](int64_t begin, int64_t end) {
             return gpu::Span{begin * rows.stride - rows.pad_begin,
                              (end - 1) * rows.stride - rows.pad_begin + (rows.kernel - 1) * rows.dilation + 1};
           },
       .adjust =
           [&](gpu::Kernel& kernel, const MapBand&) {
             kernel.Flag("LARGEST", largest).Param("start", largest ? kLowest : 0.0f);
             for (const auto& [axis, name] : {std::pair{&rows, 'y'}, std::pair{&columns, 'x'}}) {
               const auto param = [&](const std::string& field, int64_t value) { kernel.Param(field + name, value); };
               param("kernel_", axis->kernel);
               param("stride_", axis->stride);
               param("dilation_", axis->dilation);
               param("pad_", axis->pad_begin);
             }
             kernel.Param("height", rows.extent).Param("width", columns.extent);
             kernel.Param("count_y0", rows.count_begin).Param("count_y1", rows.count_end);
             kernel.Param("count_x0", columns.count_begin).Param("count_x1", columns.count_end);
           }});
}

Status MakeGpuKernel(const GlobalPool& op, const GpuRequest& request) {
  ReductionOperands operands{.x = request.At(0), .y = request.out()};
  const Shape& shape = operands.x.shape;
  if (shape.elements() == 0) return {};
  int64_t pixels = 1;
  for (size_t d = 2; d < shape.rank(); ++d) {
    pixels *= shape[d];
    operands.y.strides[d] = 0;
  }
  operands.y.shape = shape;
  const Fold mean{.last = "v * u.factor", .factor = 1.0f / static_cast<float>(pixels)};
  const Fold largest{.joined = "max(a, b)", .start = kLowest};
  request.builder.Algorithm("reduction");
  return AddReduction(request.builder, FoldReduction("global pool", op.kind == PoolKind::kMax ? largest : mean),
                      operands, AxesFrom(2, shape.rank()));
}

}  // namespace decal
