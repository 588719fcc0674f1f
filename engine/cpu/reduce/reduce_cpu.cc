// Reduce kernels: over H and W of a channels-last map, and along contiguous runs.
// SPDX-License-Identifier: MIT
#include "engine/cpu/reduce/reduce_cpu.h"

#include <optional>

#include "engine/cpu/simd/loop_nest.h"
#include "engine/cpu/simd/statistics.h"
#include "engine/cpu/map_reduction.h"
#include "engine/cpu/maps.h"
#include "engine/ops/reduce/reduce_axes.h"

namespace decal {
namespace {

std::optional<cpu::Statistic> StatisticOf(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::kSum:
    case ReduceKind::kMean: return cpu::Statistic::kSum;
    case ReduceKind::kMax: return cpu::Statistic::kMax;
    case ReduceKind::kMin: return cpu::Statistic::kMin;
    default: return std::nullopt;
  }
}

class RunReduction final : public CpuKernel {
 public:
  RunReduction(cpu::Statistic kind, bool mean, size_t n, const LoopNest<2>& rows)
      : kind_(kind), scale_(mean ? 1.0f / static_cast<float>(n) : 1.0f), n_(n), rows_(rows) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    cpu::ForEachTile(rows_, n_, context.runner, [&](const cpu::LoopTile<2>& tile, size_t) {
      for (size_t r = 0; r < tile.rows; ++r)
        for (size_t c = 0; c < tile.columns; ++c)
          out[0].as<float>()[tile.at(0, r, c)] =
              cpu::RunStatistic(kind_, in[0].as<float>() + tile.at(1, r, c), n_) * scale_;
    });
  }
  bool reads_input(size_t i) const override { return i == 0; }
  const char* algorithm() const override { return "reduction of runs"; }

 private:
  cpu::Statistic kind_;
  float scale_;
  size_t n_;
  LoopNest<2> rows_;
};

}  // namespace

KernelResult MakeCpuKernel(const Reduce& op, const KernelRequest& request) {
  const TensorView& x = request.inputs[0].view;
  const TensorView& y = request.outputs[0].view;
  const std::optional<cpu::Statistic> kind = StatisticOf(op.kind);
  if (!kind || x.dtype != DType::kFloat32 || x.shape.elements() == 0) return nullptr;
  const TensorView axes = request.has(1) ? request.inputs[1].view : TensorView{};
  if (request.has(1) && !axes.present()) return nullptr;
  DECAL_TRY_ASSIGN(const AxisSet reduced, ReducedAxes(op, x, axes));

  const bool mean = op.kind == ReduceKind::kMean;
  const bool over_map = x.shape.rank() == 4 && !reduced.in[0] && !reduced.in[1] && reduced.in[2] && reduced.in[3];
  if (over_map && IsChannelsLastMap(x) && (y.strides[1] == 1 || y.shape[1] == 1))
    return MakeMapReduction(*kind, mean, x.shape);

  const Strides spread = SpreadStrides(y.strides, reduced, x.shape.rank(), op.keepdims);
  const LoopNest<1> run = CoalesceSubset<1>(x.shape, {x.strides}, reduced, true);
  if (run.extents.rank() != 1 || run.strides[0][0] != 1) return nullptr;
  return std::make_unique<RunReduction>(*kind, mean, static_cast<size_t>(run.inner_extent()),
                                        CoalesceSubset<2>(x.shape, {spread, x.strides}, reduced, false));
}

}  // namespace decal
