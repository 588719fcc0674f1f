// Indirect convolution: computes convolutions, transposed convolutions and matrix products as one blocked GEMM whose
// rows are read through pointers (Dukhan, "The Indirect Convolution Algorithm", 2019).
//
// Rows are output pixels and columns are output channels; the depth runs over taps and input channels. Weights are
// packed into panels as wide as a register tile; see PackPanels.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "decal/parallel.h"
#include "engine/cpu/simd/epilogue.h"
#include "engine/base/rounding.h"

namespace decal::cpu {

// The register tile of the current instruction set.
struct TileShape {
  size_t rows = 0;
  size_t lanes = 0;  // floats a vector
  size_t width = 0;  // columns of a panel: two vectors
};
TileShape IndirectConvTileShape();

// Strides in elements. Channels are adjacent.
struct PixelStrides {
  ptrdiff_t batch = 0;
  ptrdiff_t row = 0;
  ptrdiff_t pixel = 0;
};

inline ptrdiff_t PixelOffset(const PixelStrides& s, size_t n, size_t y, size_t x) {
  return static_cast<ptrdiff_t>(n) * s.batch + static_cast<ptrdiff_t>(y) * s.row + static_cast<ptrdiff_t>(x) * s.pixel;
}

// A convolution's tensors, as kernels see them that walk over maps instead of rows.
struct ConvolutionMaps {
  size_t batch = 1;
  size_t in_height = 1, in_width = 1;
  size_t out_height = 1, out_width = 1;
  size_t dilation_y = 1, dilation_x = 1;
  ptrdiff_t pad_top = 0, pad_left = 0;
  PixelStrides in, out, residual;
};

// A large layer is cut into at least this many tasks, so that 8 threads finish at about the same time.
inline constexpr size_t kMinTasks = 16;

// One weight position: it reads input pixel (q_y * step + dy, q_x * step + dx).
struct Tap {
  int32_t dy = 0;
  int32_t dx = 0;
};

// Output pixels that use the same taps. A convolution has one phase. A transposed one has a phase for each remainder of
// the output position by the stride.
struct Phase {
  size_t first_y = 0, first_x = 0;  // output pixel of q = (0, 0)
  size_t height = 0, width = 0;  // how many q there are
  size_t first_tap = 0, taps = 0;  // in IndirectConvShape::taps
  size_t first_run = 0, runs = 0;  // in IndirectConvPlan::runs; filled in by MakeIndirectConvPlan
  size_t packed_offset = 0;  // floats before this phase's panels; likewise
};

struct IndirectConvShape {
  size_t batch = 1;
  size_t in_height = 1, in_width = 1;
  size_t groups = 1;
  size_t depth = 0;  // input channels of a group
  size_t columns = 0;  // output channels of a group
  size_t in_step_y = 1, in_step_x = 1;  // input pixels from one q to the next
  size_t out_step_y = 1, out_step_x = 1;  // output pixels from one q to the next
  PixelStrides in, out, residual;
  std::vector<Tap> taps;
  std::vector<Phase> phases;
};

// A block of rows times a block of panels: the work of one thread at a time.
struct IndirectConvTask {
  size_t phase = 0, group = 0;
  size_t first_row = 0, rows = 0;
  size_t first_panel = 0, panels = 0;
};

// How the products of a tile are computed.
enum class TileMethod : uint8_t {
  kRows,  // broadcast an element of each row and multiply it by a vector of columns
  kGather,  // for few input channels: the same, after gathering each row's taps
  kDots,  // for few output channels: vectors along the depth, summed up at the end
};

// Taps whose input channels are adjacent in memory, so that one copy gathers them all.
struct TapRun {
  size_t first_tap = 0, taps = 0;
};

struct IndirectConvPlan {
  IndirectConvShape shape;
  TileShape tile;
  TileShape packing;  // for PackPanels: the tile, or single columns for kDots
  TileMethod method = TileMethod::kRows;
  Epilogue epilogue;
  std::vector<IndirectConvTask> tasks;
  std::vector<TapRun> runs;
  bool half_weights = false;  // panels are binary16; each task widens them into scratch
  size_t scratch_bytes = 0;
  uint64_t multiply_adds = 0;
};

// Chooses the method, the partition and the scratch size. `half_weights` asks for binary16 panels; the plan says
// whether its method supports them.
IndirectConvPlan MakeIndirectConvPlan(IndirectConvShape shape, const Epilogue& epilogue, bool half_weights = false);

// The cost of a run on one thread, in vector instructions; comparable with WinogradCost.
double IndirectConvCost(const IndirectConvPlan& plan);

// All panels of the task fit the cache together, so the outer loop is over rows and the inner one over panels.
bool PanelsFitCache(const IndirectConvPlan& plan, const IndirectConvTask& task);
// Floats of the panels that a task has widened at a time.
size_t WidenedFloats(const IndirectConvPlan& plan, const IndirectConvTask& task);

// Columns of one group, padded to whole vectors. Bias and slopes are padded in the same way (PadColumns).
inline size_t PaddedColumns(size_t columns, const TileShape& tile) { return RoundUp(columns, tile.lanes); }
size_t PackedFloats(const IndirectConvShape& shape, const TileShape& packing);

// The place of the weight of (tap, depth k, column n) of a group. taps: one offset for each of IndirectConvShape::taps.
struct WeightOrder {
  std::vector<ptrdiff_t> tap_offsets;
  ptrdiff_t depth_stride = 0;
  ptrdiff_t column_stride = 0;
  ptrdiff_t group_stride = 0;
  float scale = 1;
};

// `packing` is IndirectConvPlan::packing. Packed order: [phase][group][panel][tap][depth][column within the panel],
// with zeros after the last column. The last panel is one vector wide if that suffices. The threads of `runner` share
// the work; the result is the same for any number of them.
void PackPanels(const IndirectConvShape& shape, const TileShape& packing, const WeightOrder& order,
                const float* weights, float* packed, ThreadRunner& runner);
// The same for binary16 weights; order.scale is 1.
void PackPanels(const IndirectConvShape& shape, const TileShape& packing, const WeightOrder& order,
                const uint16_t* weights, uint16_t* packed, ThreadRunner& runner);
void PadColumns(const IndirectConvShape& shape, const TileShape& tile, const float* values, float scale, float* padded);

struct IndirectConvBuffers {
  const float* in = nullptr;
  const float* packed = nullptr;
  const uint16_t* packed_half = nullptr;  // instead of packed, if the plan says half_weights
  const float* bias = nullptr;  // padded, or null
  const float* slopes = nullptr;  // padded, or null
  const float* residual = nullptr;
  const float* zeros = nullptr;  // `depth` zeros, for taps outside of the input
  float* out = nullptr;
};

// Runs plan.tasks[task]; `scratch` has plan.scratch_bytes and belongs to the calling thread.
void RunIndirectConvTask(const IndirectConvPlan& plan, const IndirectConvBuffers& buffers, size_t task,
                         std::byte* scratch);

// C = A B for matrices that both change from run to run.
struct MatrixStrides {
  ptrdiff_t row = 0;
  ptrdiff_t column = 0;
};
struct ProductShape {
  size_t rows = 0, depth = 0, columns = 0;
  MatrixStrides a, b;  // a.column is 1
  ptrdiff_t out_row = 0, residual_row = 0;
};

// Scratch for one panel of B.
size_t ProductScratchBytes(const ProductShape& shape, const TileShape& tile);

// Panel `panel` of the product: packs that panel of B into `scratch` and multiplies all rows of A by it.
void RunProductPanel(const ProductShape& shape, const Epilogue& epilogue, const IndirectConvBuffers& buffers,
                     const float* b, size_t panel, std::byte* scratch);

}  // namespace decal::cpu
