// Pooling kernels: rows of windows, and whole maps reduced in bands.
// SPDX-License-Identifier: MIT
#include "engine/cpu/pool/pool_cpu.h"

#include "engine/cpu/simd/pool.h"
#include "engine/cpu/simd/statistics.h"
#include "engine/cpu/map_reduction.h"
#include "engine/cpu/maps.h"
#include "engine/ops/pool/pool_window.h"

namespace decal {
namespace {

class PoolKernel final : public CpuKernel {
 public:
  PoolKernel(PoolKind kind, const PoolGeometry& geometry)
      : row_(kind == PoolKind::kMax ? cpu::MaxPoolRow : cpu::AveragePoolRow), geometry_(geometry) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    const Shape& shape = out[0].shape;
    const size_t height = static_cast<size_t>(shape[2]);
    const size_t width = static_cast<size_t>(shape[3]);
    const size_t cells = static_cast<size_t>(geometry_.axes[0].kernel * geometry_.axes[1].kernel);
    const RowTasks tasks(static_cast<size_t>(shape[0]) * height, width * static_cast<size_t>(shape[1]) * cells);
    ParallelFor(context.runner, tasks.count(), [&](size_t task, size_t) {
      for (size_t row = tasks.begin(task); row < tasks.end(task); ++row) {
        const int64_t n = static_cast<int64_t>(row / height);
        const cpu::MutableFeatureMap to = MapOf(out[0], n);
        row_(MapOf(in[0], n), geometry_.axes[0], geometry_.axes[1], row % height, width, to.row(row % height),
             to.pixel_stride);
      }
    });
  }
  const char* algorithm() const override { return "pool"; }

 private:
  decltype(&cpu::MaxPoolRow) row_;
  PoolGeometry geometry_;
};

bool CoversMap(const PoolGeometry& geometry) {
  for (size_t i = 0; i < geometry.spatial_rank; ++i) {
    const PoolAxis& axis = geometry.axes[i];
    if (geometry.out_extents[i] != 1 || axis.kernel != axis.extent || axis.dilation != 1 || axis.pad_begin != 0 ||
        axis.count_end != axis.extent)
      return false;
  }
  return true;
}

cpu::Statistic StatisticOf(PoolKind kind) {
  return kind == PoolKind::kMax ? cpu::Statistic::kMax : cpu::Statistic::kSum;
}

}  // namespace

KernelResult MakeCpuKernel(const Pool& op, const KernelRequest& request) {
  const TensorView& x = request.inputs[0].view;
  if (request.outputs.size() != 1 || !IsChannelsLastMap(x) || !IsChannelsLastMap(request.outputs[0].view))
    return nullptr;
  DECAL_TRY_ASSIGN(const PoolGeometry geometry, ResolvePool(op, x.shape));
  if (CoversMap(geometry)) return MakeMapReduction(StatisticOf(op.kind), op.kind == PoolKind::kAverage, x.shape);
  return std::make_unique<PoolKernel>(op.kind, geometry);
}

KernelResult MakeCpuKernel(const GlobalPool& op, const KernelRequest& request) {
  const TensorView& x = request.inputs[0].view;
  if (!IsChannelsLastMap(x) || !IsChannelsLastMap(request.outputs[0].view)) return nullptr;
  return MakeMapReduction(StatisticOf(op.kind), op.kind == PoolKind::kAverage, x.shape);
}

}  // namespace decal
