// Partition and packing for the implicit GEMM: everything that happens before the first run.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include "engine/base/buffer.h"
#include "engine/base/assert.h"
#include "engine/base/dtype.h"
#include "engine/cpu/simd/indirect_conv.h"

namespace decal::cpu {
namespace {

size_t PanelCount(const IndirectConvShape& shape, const TileShape& tile) { return CeilDiv(shape.columns, tile.width); }

size_t PhaseFloats(const IndirectConvShape& shape, const Phase& phase, const TileShape& tile) {
  return shape.groups * phase.taps * shape.depth * PaddedColumns(shape.columns, tile);
}

// Channels below which rows are gathered: the tap loop's overhead (a tile's pointers) would exceed its work.
constexpr size_t kGatherDepth = 8;

TileMethod ChooseMethod(const IndirectConvShape& shape, const TileShape& tile, size_t most_taps) {
  if (shape.depth < kGatherDepth && most_taps > 1) return TileMethod::kGather;
  // Columns fill at most half a vector, so that vectors along the depth do the same work in fewer steps.
  if (2 * shape.columns <= tile.lanes && shape.depth >= tile.lanes) return TileMethod::kDots;
  return TileMethod::kRows;
}

// Cuts a phase's taps into runs of horizontal neighbours; they touch where pixels hold nothing but our channels.
void FindRuns(const IndirectConvShape& shape, Phase& phase, std::vector<TapRun>& runs) {
  phase.first_run = runs.size();
  const bool dense = shape.groups == 1 && shape.in.pixel == static_cast<ptrdiff_t>(shape.depth);
  for (size_t t = 0; t < phase.taps; ++t) {
    const size_t tap = phase.first_tap + t;
    const bool follows = dense && t > 0 && shape.taps[tap].dy == shape.taps[tap - 1].dy &&
                         shape.taps[tap].dx == shape.taps[tap - 1].dx + 1;
    if (follows) {
      ++runs.back().taps;
    } else {
      runs.push_back({tap, 1});
    }
  }
  phase.runs = runs.size() - phase.first_run;
}

// Input bytes under one task: with the panel in use they should stay in a 1 MiB second-level cache.
constexpr size_t kTaskInputBytes = 256 * 1024;

// Tasks with fewer MACs are not worth handing to another thread: about 10 microseconds. With twice as many here and in the depthwise
// kernel, selfie segmentation takes 1.80 ms instead of 1.74 on two threads; with half as many 1.76.
constexpr uint64_t kMinTaskMultiplyAdds = 1 << 19;

void Partition(const IndirectConvShape& shape, size_t phase_index, const TileShape& tile,
               std::vector<IndirectConvTask>& tasks) {
  const Phase& phase = shape.phases[phase_index];
  const size_t rows = shape.batch * phase.height * phase.width;
  const size_t panels = PanelCount(shape, tile);
  if (rows == 0 || panels == 0) return;
  const uint64_t macs_per_cell = std::max<uint64_t>(1, uint64_t{phase.taps} * shape.depth) * tile.width;  // row x panel
  const auto task_count = [&](size_t task_rows, size_t task_panels) {
    return CeilDiv(rows, task_rows) * CeilDiv(panels, task_panels) * shape.groups;
  };

  size_t task_rows = kTaskInputBytes / (std::max<size_t>(shape.depth, 1) * sizeof(float)) / tile.rows * tile.rows;
  task_rows = std::clamp(task_rows, tile.rows, CeilDiv(rows, tile.rows) * tile.rows);
  size_t task_panels = panels;
  const auto may_halve = [&] {
    return task_count(task_rows, task_panels) < kMinTasks &&
           macs_per_cell * task_rows * task_panels >= 2 * kMinTaskMultiplyAdds;
  };
  // First by panels: then each weight is fetched by few tasks.
  while (task_panels > 1 && may_halve()) task_panels = CeilDiv(task_panels, 2);
  while (task_rows > tile.rows && may_halve()) task_rows = CeilDiv(task_rows / 2, tile.rows) * tile.rows;
  while (task_rows < rows && macs_per_cell * task_rows * task_panels < kMinTaskMultiplyAdds) task_rows *= 2;

  for (size_t group = 0; group < shape.groups; ++group)
    for (size_t row = 0; row < rows; row += task_rows)
      for (size_t panel = 0; panel < panels; panel += task_panels)
        tasks.push_back(
            {phase_index, group, row, std::min(task_rows, rows - row), panel, std::min(task_panels, panels - panel)});
}

// Weights that a thread packs at a time: about 20 microseconds, the least that is worth handing over.
constexpr size_t kPackTaskWeights = 16 * 1024;

// One panel: the columns [first, first + valid) and zeros up to `width`.
template <class T, class Convert>
void PackPanel(const IndirectConvShape& shape, const Phase& phase, const WeightOrder& order, const T* columns,
               size_t valid, size_t width, T* packed, const Convert& convert) {
  for (size_t tap = phase.first_tap; tap < phase.first_tap + phase.taps; ++tap) {
    const T* from = columns + order.tap_offsets[tap];
    for (size_t k = 0; k < shape.depth; ++k, packed += width, from += order.depth_stride) {
      for (size_t n = 0; n < valid; ++n) packed[n] = convert(from[static_cast<ptrdiff_t>(n) * order.column_stride]);
      std::fill(packed + valid, packed + width, T{});
    }
  }
}

template <class T, class Convert>
void PackAll(const IndirectConvShape& shape, const TileShape& packing, const WeightOrder& order, const T* weights,
             T* packed, ThreadRunner& runner, const Convert& convert) {
  const size_t padded = PaddedColumns(shape.columns, packing), panels = PanelCount(shape, packing);
  for (const Phase& phase : shape.phases) {
    const size_t column_weights = phase.taps * shape.depth;
    const size_t task_panels = CeilDiv(kPackTaskWeights, std::max<size_t>(1, column_weights * packing.width));
    const size_t group_tasks = CeilDiv(panels, task_panels);
    ParallelFor(runner, shape.groups * group_tasks, [&](size_t task, size_t) {
      const size_t group = task / group_tasks, begin = task % group_tasks * task_panels;
      const T* source = weights + static_cast<ptrdiff_t>(group) * order.group_stride;
      T* to = packed + group * column_weights * padded;
      for (size_t panel = begin; panel < std::min(begin + task_panels, panels); ++panel) {
        const size_t first = panel * packing.width, width = std::min(packing.width, padded - first);
        PackPanel(shape, phase, order, source + static_cast<ptrdiff_t>(first) * order.column_stride,
                  std::min(width, shape.columns - first), width, to + column_weights * first, convert);
      }
    });
    packed += PhaseFloats(shape, phase, packing);
  }
}

}  // namespace

size_t PackedFloats(const IndirectConvShape& shape, const TileShape& packing) {
  size_t floats = 0;
  for (const Phase& phase : shape.phases) floats += PhaseFloats(shape, phase, packing);
  return floats;
}

bool PanelsFitCache(const IndirectConvPlan& plan, const IndirectConvTask& task) {
  // A quarter of a 1 MiB second-level cache.
  constexpr size_t kPanelBytes = 256 * 1024;
  return task.panels * plan.shape.phases[task.phase].taps * plan.shape.depth * plan.tile.width * sizeof(float) <=
         kPanelBytes;
}

size_t WidenedFloats(const IndirectConvPlan& plan, const IndirectConvTask& task) {
  const size_t panel = plan.shape.phases[task.phase].taps * plan.shape.depth * plan.tile.width;
  return PanelsFitCache(plan, task) ? task.panels * panel : panel;
}

IndirectConvPlan MakeIndirectConvPlan(IndirectConvShape shape, const Epilogue& epilogue, bool half_weights) {
  IndirectConvPlan plan;
  plan.tile = IndirectConvTileShape();
  plan.epilogue = epilogue;
  size_t offset = 0, most_taps = 1;
  for (const Phase& phase : shape.phases) most_taps = std::max(most_taps, phase.taps);
  plan.method = ChooseMethod(shape, plan.tile, most_taps);
  plan.packing = plan.method == TileMethod::kDots ? TileShape{plan.tile.rows, 1, 1} : plan.tile;
  for (size_t p = 0; p < shape.phases.size(); ++p) {
    Phase& phase = shape.phases[p];
    phase.packed_offset = offset;
    offset += PhaseFloats(shape, phase, plan.packing);
    FindRuns(shape, phase, plan.runs);
    Partition(shape, p, plan.tile, plan.tasks);
    plan.multiply_adds +=
        uint64_t{shape.batch} * phase.height * phase.width * phase.taps * shape.depth * shape.columns * shape.groups;
  }
  plan.scratch_bytes = AlignUp(most_taps * plan.tile.rows * sizeof(float*));
  if (plan.method == TileMethod::kGather)
    plan.scratch_bytes += AlignUp(most_taps * shape.depth * plan.tile.rows * sizeof(float));
  plan.half_weights = half_weights && plan.method != TileMethod::kDots;
  plan.shape = std::move(shape);
  if (plan.half_weights) {
    size_t widened = 0;
    for (const IndirectConvTask& task : plan.tasks) widened = std::max(widened, WidenedFloats(plan, task));
    plan.scratch_bytes += AlignUp(widened * sizeof(float));
  }
  return plan;
}

double IndirectConvCost(const IndirectConvPlan& plan) {
  const IndirectConvShape& shape = plan.shape;
  const double vectors = static_cast<double>(CeilDiv(shape.columns, plan.tile.lanes));
  constexpr double kFinish = 4;  // bias, limits and store of a vector
  double cost = 0;
  for (const Phase& phase : shape.phases) {
    const size_t pixels = shape.batch * phase.height * phase.width;
    const double rows = static_cast<double>(CeilDiv(pixels, plan.tile.rows) * plan.tile.rows);
    // Each tap of a row needs a pointer, found once for all panels or once a panel: a dozen scalar instructions.
    constexpr double kPointer = 6;
    const double depth = static_cast<double>(phase.taps) * static_cast<double>(shape.depth);
    cost += static_cast<double>(shape.groups) * rows *
            (vectors * (depth + kFinish) + kPointer * static_cast<double>(phase.taps));
  }
  return cost;
}

void PackPanels(const IndirectConvShape& shape, const TileShape& packing, const WeightOrder& order,
                const float* weights, float* packed, ThreadRunner& runner) {
  DECAL_DASSERT(order.tap_offsets.size() == shape.taps.size());
  const float scale = order.scale;
  PackAll(shape, packing, order, weights, packed, runner, [scale](float weight) { return scale * weight; });
}

void PackPanels(const IndirectConvShape& shape, const TileShape& packing, const WeightOrder& order,
                const uint16_t* weights, uint16_t* packed, ThreadRunner& runner) {
  DECAL_DASSERT(order.tap_offsets.size() == shape.taps.size());
  PackAll(shape, packing, order, weights, packed, runner, [](uint16_t weight) { return weight; });
}

void PadColumns(const IndirectConvShape& shape, const TileShape& tile, const float* values, float scale,
                float* padded) {
  const size_t width = PaddedColumns(shape.columns, tile);
  for (size_t group = 0; group < shape.groups; ++group, padded += width, values += shape.columns) {
    for (size_t n = 0; n < shape.columns; ++n) padded[n] = scale * values[n];
    std::fill(padded + shape.columns, padded + width, 0.0f);
  }
}

size_t ProductScratchBytes(const ProductShape& shape, const TileShape& tile) {
  return AlignUp(shape.depth * tile.width * sizeof(float));
}

}  // namespace decal::cpu
