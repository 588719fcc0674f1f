// The loops around the register tile: row pointers, panels, epilogue operands.
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/indirect_conv.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/simd/indirect_conv.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/base/assert.h"
#include "engine/base/buffer.h"
#include "engine/cpu/simd/indirect_conv-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

TileShape IndirectConvTileShapeTarget() {
  const size_t lanes = hn::Lanes(FloatTag());
  return {kTileRows, lanes, 2 * lanes};
}

// One tile's rows: where they begin in every operand, at the task's group and its first column.
struct RowBlock {
  size_t count = 0;
  bool one_line = false;              // all rows are neighbours in one line of a picture
  size_t y[kTileRows], x[kTileRows];  // input position of a tap with dy = dx = 0
  const float* in[kTileRows];         // that pixel, which need not exist
  float* out[kTileRows];
  const float* residual[kTileRows];

  void Locate(const IndirectConvShape& shape, const IndirectConvBuffers& buffers, const IndirectConvTask& task,
              size_t first) {
    const Phase& phase = shape.phases[task.phase];
    const size_t channel = task.group * shape.columns;
    const ptrdiff_t in_step = static_cast<ptrdiff_t>(shape.in_step_x) * shape.in.pixel;
    const ptrdiff_t out_step = static_cast<ptrdiff_t>(shape.out_step_x) * shape.out.pixel;
    const bool adds = buffers.residual != nullptr;
    const ptrdiff_t residual_step = adds ? static_cast<ptrdiff_t>(shape.out_step_x) * shape.residual.pixel : 0;
    count = std::min(kTileRows, task.first_row + task.rows - first);
    size_t qx = first % phase.width, line = first / phase.width;
    one_line = count <= phase.width - qx;
    for (size_t i = 0; i < count; qx = 0, ++line) {
      const size_t qy = line % phase.height, n = line / phase.height;
      const size_t in_y = qy * shape.in_step_y, out_y = phase.first_y + qy * shape.out_step_y;
      const size_t out_x = phase.first_x + qx * shape.out_step_x;
      size_t in_x = qx * shape.in_step_x;
      const float* from = buffers.in + task.group * shape.depth + PixelOffset(shape.in, n, in_y, in_x);
      float* to = buffers.out + PixelOffset(shape.out, n, out_y, out_x) + channel;
      const float* add = buffers.residual;
      if (adds) add += PixelOffset(shape.residual, n, out_y, out_x) + static_cast<ptrdiff_t>(channel);
      for (const size_t end = std::min(count, i + phase.width - qx); i < end; ++i) {
        y[i] = in_y;
        x[i] = in_x;
        in[i] = from;
        out[i] = to;
        residual[i] = add;
        in_x += shape.in_step_x;
        from += in_step;
        to += out_step;
        add += residual_step;
      }
    }
  }
};

// What finding a tap's pixel needs, in registers rather than behind references that stores might change.
struct TapReader {
  size_t height, width;
  ptrdiff_t row, pixel;

  explicit TapReader(const IndirectConvShape& shape)
      : height(shape.in_height), width(shape.in_width), row(shape.in.row), pixel(shape.in.pixel) {}

  // The first of `taps` horizontal neighbours, or null if any of them falls outside the input. Negative positions
  // wrap to huge ones, so that one comparison a side is enough.
  HWY_INLINE const float* Find(const RowBlock& block, size_t i, const Tap& tap, size_t taps) const {
    const size_t y = block.y[i] + static_cast<size_t>(ptrdiff_t{tap.dy});
    const size_t x = block.x[i] + static_cast<size_t>(ptrdiff_t{tap.dx});
    if (y >= height || x >= width || taps > width - x) return nullptr;
    return block.in[i] + tap.dy * row + tap.dx * pixel;
  }
};

// pointers[i]: where the input of row i begins for a run of `taps` from `tap` on, if it lies whole inside of the input for all of them.
HWY_INLINE bool PointAtLine(const TapReader& reader, const RowBlock& block, const Tap& tap, size_t taps,
                            const float** pointers) {
  if (!block.one_line || !reader.Find(block, 0, tap, taps) || !reader.Find(block, block.count - 1, tap, taps))
    return false;
  const ptrdiff_t offset = tap.dy * reader.row + tap.dx * reader.pixel;
  for (size_t i = 0; i < kTileRows; ++i) pointers[i] = block.in[std::min(i, block.count - 1)] + offset;
  return true;
}

// pointers[tap][i]: where tap's input channels of row i begin.
HWY_NOINLINE void PointAtRows(const IndirectConvShape& shape, const Phase& phase, const float* zeros,
                              const RowBlock& block, const float** pointers) {
  const TapReader reader(shape);
  const Tap* taps = shape.taps.data() + phase.first_tap;
  for (size_t t = 0; t < phase.taps; ++t, pointers += kTileRows) {
    if (PointAtLine(reader, block, taps[t], 1, pointers)) continue;
    for (size_t i = 0; i < block.count; ++i) {
      const float* pixel = reader.Find(block, i, taps[t], 1);
      pointers[i] = pixel ? pixel : zeros;
    }
    for (size_t i = block.count; i < kTileRows; ++i) pointers[i] = zeros;
  }
}

// pointers[run][i], if all runs lie whole inside of the input and are equally long.
HWY_NOINLINE bool PointAtRuns(const IndirectConvPlan& plan, const Phase& phase, const RowBlock& block,
                              const float** pointers) {
  const TapReader reader(plan.shape);
  const TapRun* runs = plan.runs.data() + phase.first_run;
  for (size_t r = 0; r < phase.runs; ++r, pointers += kTileRows) {
    const size_t taps = runs[r].taps;
    if (taps * phase.runs != phase.taps ||
        !PointAtLine(reader, block, plan.shape.taps[runs[r].first_tap], taps, pointers))
      return false;
  }
  return true;
}

// Floats that a run must have to be read in place.
constexpr size_t kShortestRun = 8;

// Four floats at a time: runs are a few pixels of a few channels.
HWY_INLINE void CopyShort(const float* from, size_t n, float* to) {
  const hn::CappedTag<float, 4> d;
  const size_t lanes = hn::Lanes(d);
  size_t k = 0;
  for (; k + lanes <= n; k += lanes) hn::StoreU(hn::LoadU(d, from + k), d, to + k);
  for (; k < n; ++k) to[k] = from[k];
}

// The same rows copied together, all taps of a row adjacent; pointers then has one tap.
HWY_NOINLINE void GatherRows(const IndirectConvPlan& plan, const Phase& phase, const RowBlock& block, float* gathered,
                             const float** pointers) {
  const TapReader reader(plan.shape);
  const Tap* taps = plan.shape.taps.data();
  const TapRun* runs = plan.runs.data() + phase.first_run;
  const size_t depth = plan.shape.depth, run_count = phase.runs, row_floats = phase.taps * depth;
  for (size_t i = 0; i < kTileRows; ++i) pointers[i] = gathered + std::min(i, block.count - 1) * row_floats;
  for (size_t i = 0; i < block.count; ++i) {
    for (size_t r = 0; r < run_count; ++r) {
      const TapRun run = runs[r];
      if (const float* pixel = reader.Find(block, i, taps[run.first_tap], run.taps)) {
        CopyShort(pixel, run.taps * depth, gathered);
        gathered += run.taps * depth;
        continue;
      }
      for (size_t t = 0; t < run.taps; ++t, gathered += depth) {
        const float* pixel = reader.Find(block, i, taps[run.first_tap + t], 1);
        for (size_t k = 0; k < depth; ++k) gathered[k] = pixel ? pixel[k] : 0.0f;
      }
    }
  }
}

HWY_INLINE size_t WidenedBytes(const IndirectConvPlan& plan, const IndirectConvTask& task) {
  return plan.half_weights ? (WidenedFloats(plan, task) * sizeof(float) + 63) / 64 * 64 : 0;
}

struct PanelLoop {
  const IndirectConvPlan& plan;
  const IndirectConvBuffers& buffers;
  const IndirectConvTask& task;
  const Phase& phase;
  const float** pointers;
  float* gathered;
  float* widened;  // where binary16 panels are widened to
  // Short runs cost more where they are than gathered: a tile has a pointer to each.
  const bool runs_in_place = phase.runs * kShortestRun <= phase.taps * plan.shape.depth;
  size_t taps = 1;  // of `pointers`, each with an equal part of the depth

  // Floats before panel `panel` of the task's phase and group.
  size_t PanelOffset(size_t panel) const {
    const size_t column = task.group * PaddedColumns(plan.shape.columns, plan.packing) + panel * plan.tile.width;
    return phase.packed_offset + column * phase.taps * plan.shape.depth;
  }
  size_t PanelEnd(size_t panel) const {
    const size_t columns = std::min((panel + 1) * plan.tile.width, PaddedColumns(plan.shape.columns, plan.packing));
    return phase.packed_offset +
           (task.group * PaddedColumns(plan.shape.columns, plan.packing) + columns) * phase.taps * plan.shape.depth;
  }

  // Panels [first, last) as floats.
  const float* Panels(size_t first, size_t last) const {
    const size_t begin = PanelOffset(first);
    if (!plan.half_weights) return buffers.packed + begin;
    WidenRun(buffers.packed_half + begin, PanelEnd(last - 1) - begin, widened);
    return widened;
  }

  void Prepare(size_t row, RowBlock& block) {
    block.Locate(plan.shape, buffers, task, row);
    taps = phase.taps;
    if (plan.method != TileMethod::kGather) {
      PointAtRows(plan.shape, phase, buffers.zeros, block, pointers);
    } else if (runs_in_place && PointAtRuns(plan, phase, block, pointers)) {
      taps = phase.runs;
    } else {
      GatherRows(plan, phase, block, gathered, pointers);
      taps = 1;
    }
  }

  // `b` is the panel.
  void Multiply(size_t panel, const float* b, const RowBlock& block) const {
    const IndirectConvShape& shape = plan.shape;
    const size_t column = panel * plan.tile.width;
    const size_t depth = phase.taps * shape.depth;
    const size_t padded_column = task.group * PaddedColumns(shape.columns, plan.tile) + column;
    float* out[kTileRows];
    const float* residual[kTileRows] = {};
    for (size_t i = 0; i < block.count; ++i) {
      out[i] = block.out[i] + column;
      if (buffers.residual) residual[i] = block.residual[i] + column;
    }
    TileOperands operands;
    operands.rows = block.count;
    operands.columns = std::min(plan.tile.width, shape.columns - column);
    operands.bias = buffers.bias ? buffers.bias + padded_column : nullptr;
    operands.slopes = buffers.slopes ? buffers.slopes + padded_column : nullptr;
    operands.residual = residual;
    operands.out = out;
    const size_t tap_depth = depth / std::max<size_t>(taps, 1);
    if (plan.method == TileMethod::kDots) {
      ComputeDots(pointers, taps, tap_depth, b, plan.epilogue, operands);
    } else if (operands.columns > plan.tile.lanes) {
      ComputeTile<2>(pointers, taps, tap_depth, b, plan.epilogue, operands);
    } else {
      ComputeTile<1>(pointers, taps, tap_depth, b, plan.epilogue, operands);
    }
  }
};

HWY_NOINLINE void RunIndirectConvTaskTarget(const IndirectConvPlan& plan, const IndirectConvBuffers& buffers,
                                            size_t index, std::byte* scratch) {
  const IndirectConvTask& task = plan.tasks[index];
  const Phase& phase = plan.shape.phases[task.phase];
  const size_t pointer_bytes = std::max<size_t>(phase.taps, 1) * kTileRows * sizeof(float*);
  PanelLoop loop{plan,
                 buffers,
                 task,
                 phase,
                 reinterpret_cast<const float**>(scratch),
                 reinterpret_cast<float*>(scratch + (pointer_bytes + 63) / 64 * 64),
                 reinterpret_cast<float*>(scratch + plan.scratch_bytes - WidenedBytes(plan, task))};
  const size_t row_end = task.first_row + task.rows, panel_end = task.first_panel + task.panels;
  RowBlock block;
  if (PanelsFitCache(plan, task)) {
    // A tile's input stays in L1 for all panels.
    const float* panels = loop.Panels(task.first_panel, panel_end);
    for (size_t row = task.first_row; row < row_end; row += kTileRows) {
      loop.Prepare(row, block);
      for (size_t panel = task.first_panel; panel < panel_end; ++panel)
        loop.Multiply(panel, panels + (loop.PanelOffset(panel) - loop.PanelOffset(task.first_panel)), block);
    }
  } else {
    // One panel is kept while the rows pass by.
    for (size_t panel = task.first_panel; panel < panel_end; ++panel) {
      const float* b = loop.Panels(panel, panel + 1);
      for (size_t row = task.first_row; row < row_end; row += kTileRows) {
        loop.Prepare(row, block);
        loop.Multiply(panel, b, block);
      }
    }
  }
}

// One panel of B, whatever its strides, in packed order.
HWY_NOINLINE void PackProductPanel(const ProductShape& shape, const float* b, size_t valid, size_t width,
                                   float* packed) {
  for (size_t k = 0; k < shape.depth; ++k, packed += width) {
    const float* from = b + static_cast<ptrdiff_t>(k) * shape.b.row;
    if (shape.b.column == 1) {
      std::memcpy(packed, from, valid * sizeof(float));
    } else {
      for (size_t n = 0; n < valid; ++n) packed[n] = from[static_cast<ptrdiff_t>(n) * shape.b.column];
    }
    std::fill(packed + valid, packed + width, 0.0f);
  }
}

HWY_NOINLINE void RunProductPanelTarget(const ProductShape& shape, const Epilogue& epilogue,
                                        const IndirectConvBuffers& buffers, const float* b, size_t panel,
                                        std::byte* scratch) {
  const size_t lanes = hn::Lanes(FloatTag());
  const size_t column = panel * 2 * lanes;
  const size_t valid = std::min(2 * lanes, shape.columns - column);
  float* packed = reinterpret_cast<float*>(scratch);
  PackProductPanel(shape, b + static_cast<ptrdiff_t>(column) * shape.b.column, valid, valid > lanes ? 2 * lanes : lanes,
                   packed);
  TileOperands operands;
  operands.columns = valid;
  operands.bias = buffers.bias ? buffers.bias + column : nullptr;
  operands.slopes = buffers.slopes ? buffers.slopes + column : nullptr;
  for (size_t row = 0; row < shape.rows; row += kTileRows) {
    operands.rows = std::min(kTileRows, shape.rows - row);
    const float* a[kTileRows];
    const float* residual[kTileRows] = {};
    float* out[kTileRows];
    for (size_t i = 0; i < kTileRows; ++i) {
      const ptrdiff_t r = static_cast<ptrdiff_t>(row + std::min(i, operands.rows - 1));
      a[i] = buffers.in + r * shape.a.row;
      out[i] = buffers.out + r * shape.out_row + column;
      if (buffers.residual) residual[i] = buffers.residual + r * shape.residual_row + column;
    }
    operands.residual = residual;
    operands.out = out;
    if (valid > lanes) {
      ComputeTile<2>(a, 1, shape.depth, packed, epilogue, operands);
    } else {
      ComputeTile<1>(a, 1, shape.depth, packed, epilogue, operands);
    }
  }
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal::cpu {

HWY_EXPORT(IndirectConvTileShapeTarget);
HWY_EXPORT(RunIndirectConvTaskTarget);
HWY_EXPORT(RunProductPanelTarget);

TileShape IndirectConvTileShape() { return HWY_DYNAMIC_DISPATCH(IndirectConvTileShapeTarget)(); }

void RunIndirectConvTask(const IndirectConvPlan& plan, const IndirectConvBuffers& buffers, size_t task,
                         std::byte* scratch) {
  DECAL_DASSERT(task < plan.tasks.size());
  DECAL_DASSERT(plan.tasks[task].phase < plan.shape.phases.size() && plan.tasks[task].group < plan.shape.groups);
  DECAL_DASSERT(plan.tasks[task].first_panel + plan.tasks[task].panels <=
                CeilDiv(plan.shape.columns, plan.packing.width));
  DECAL_DASSERT((plan.half_weights ? buffers.packed_half != nullptr : buffers.packed != nullptr));
  DECAL_DASSERT(plan.epilogue.residual == Epilogue::Residual::kNone || buffers.residual != nullptr);
  DECAL_DASSERT(plan.epilogue.post != Epilogue::Post::kSlopes || buffers.slopes != nullptr);
  DECAL_DASSERT(plan.scratch_bytes == 0 || IsAligned(scratch, kAlignment));
  HWY_DYNAMIC_DISPATCH(RunIndirectConvTaskTarget)(plan, buffers, task, scratch);
}

void RunProductPanel(const ProductShape& shape, const Epilogue& epilogue, const IndirectConvBuffers& buffers,
                     const float* b, size_t panel, std::byte* scratch) {
  DECAL_DASSERT(shape.a.column == 1 || shape.depth <= 1);
  DECAL_DASSERT(panel * IndirectConvTileShape().width < shape.columns);
  DECAL_DASSERT(epilogue.residual == Epilogue::Residual::kNone || buffers.residual != nullptr);
  DECAL_DASSERT(IsAligned(scratch, kAlignment));
  HWY_DYNAMIC_DISPATCH(RunProductPanelTarget)(shape, epilogue, buffers, b, panel, scratch);
}

}  // namespace decal::cpu
#endif  // HWY_ONCE
