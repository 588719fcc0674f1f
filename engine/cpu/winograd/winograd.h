// Winograd convolution: tiles of the input and the filters are transformed, multiplied point by point as small matrix
// products, and transformed back (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
//
//   input tile ──B──► V[point][tile][channel] ─┐
//                                              ├─ a product for each point ─► M[tile][point][column] ──A──► epilogue
//   filter ─────G──► U[point][channel][column] ┘
//
// A task is a block of tiles times a range of panels. V, U and M of a task stay in the second-level cache; the
// transformed tensors never exist as a whole. A convolution with dilation d is d * d interleaved convolutions: a tile
// reads and writes pixels d apart, and nothing is copied.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/cpu/simd/indirect_conv.h"

namespace decal::cpu {

// F(outputs, taps) in each direction. The variants with 6 points use 0, ±√2/2, ±√2 and infinity, which lose a third of
// the digits that 0, ±1, ±2 lose (Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution
// for Deep Neural Networks", 2020). Those with 8 use 0, ±1/2, ±1, ±2 and infinity.
enum class WinogradVariant : uint8_t {
  kF6x3,  // 64 products for 36 outputs of 3x3 filters: the fewest, with four times the rounding error of the next
  kF4x3,  // 36 for 16
  kF2x3,  // 16 for 4: small maps
  kF4x5,  // 64 for 16 outputs of 5x5 filters
};

struct WinogradExtents {
  size_t outputs = 0;  // of a tile, in one direction
  size_t taps = 0;
  size_t points = 0;   // outputs + taps - 1
};
constexpr WinogradExtents ExtentsOf(WinogradVariant variant) {
  switch (variant) {
    case WinogradVariant::kF6x3: return {6, 3, 8};
    case WinogradVariant::kF4x3: return {4, 3, 6};
    case WinogradVariant::kF2x3: return {2, 3, 4};
    case WinogradVariant::kF4x5: return {4, 5, 8};
  }
  return {};
}

// A convolution of stride 1 and one group.
struct WinogradShape : ConvolutionMaps {
  size_t depth = 0, columns = 0;  // input and output channels
};

struct WinogradTask {
  size_t first_tile = 0, tiles = 0;
  size_t first_panel = 0, panels = 0;
};

struct WinogradPlan {
  WinogradVariant variant = WinogradVariant::kF4x3;
  WinogradShape shape;
  TileShape tile;
  Epilogue epilogue;
  size_t phases_y = 1, phases_x = 1;  // interleaved convolutions
  size_t tiles_y = 0, tiles_x = 0;    // of each
  size_t block_tiles = 0;             // of a task
  size_t panel_floats = 0;            // M of one panel
  // U is made at load. Otherwise each task transforms the filters, which costs about as much as four tiles.
  bool resident = false;
  std::vector<WinogradTask> tasks;
  // The scratch of a task, in floats.
  size_t v_floats = 0, m_floats = 0, u_floats = 0, patch_floats = 0;
  uint64_t multiply_adds = 0;  // of the convolution as it is defined

  size_t tiles() const { return shape.batch * phases_y * phases_x * tiles_y * tiles_x; }
  size_t panels() const { return CeilDiv(shape.columns, tile.width); }
  size_t scratch_bytes() const { return (v_floats + m_floats + u_floats + patch_floats) * sizeof(float); }
};

// Chooses blocks and the partition for that number of threads. The outputs are the same to the bit for every partition: each
// output has its own sum, over the channels in order.
WinogradPlan MakeWinogradPlan(const WinogradShape& shape, WinogradVariant variant, const Epilogue& epilogue,
                              bool resident, size_t threads);

// Floats of all transformed filters, if the plan says resident.
size_t WinogradFilterFloats(const WinogradShape& shape, WinogradVariant variant);
// Floats of the filters that are transformed at a time.
size_t WinogradGatheredFloats(const WinogradPlan& plan);
// Transforms panel `panel` of the implicit GEMM's panels of the same filters (panels.packed or packed_half). `gathered`
// has WinogradGatheredFloats and belongs to the calling thread; `transformed` has room for all panels.
void TransformWinogradFilters(const WinogradPlan& plan, const IndirectConvBuffers& panels, size_t panel,
                              float* gathered, float* transformed);

// The cost of a run on one thread, in vector instructions: products, transforms, loads and stores. It serves to compare
// algorithms and is not a time.
double WinogradCost(const WinogradPlan& plan);

// Runs plan.tasks[task]. buffers.packed: transformed filters if the plan says resident; else it or packed_half are the
// implicit GEMM's panels. `scratch` has plan.scratch_bytes() and belongs to the calling thread.
void RunWinogradTask(const WinogradPlan& plan, const IndirectConvBuffers& buffers, size_t task, std::byte* scratch);

// Channels of V and U that are multiplied at a time. A panel of U then has at most 8 kB and stays in the first-level
// cache while all tiles use it.
inline constexpr size_t kWinogradDepthBlock = 64;

// V: [rows of a register tile][point][channels / 16][row][16 channels]. The product reads it in order, one cache line
// at a time, which is 2 to 6 % faster (products_bench) than separate rows.
inline constexpr size_t kWinogradChannels = 16;
// Floats from one point of `rows` tiles to the next. One cache line of padding, because the transforms write all points
// of a tile together, and at multiples of 1024 bytes these would fall into the same cache sets.
constexpr size_t WinogradPointFloats(size_t rows, size_t depth) {
  return (CeilDiv(depth, kWinogradChannels) * rows + 1) * kWinogradChannels;
}

// Floats from one point of U (or one tap of gathered filters) to the next. One cache line more than `filters` (channels
// times columns), because the transforms touch all points together, and at powers of two these would fall into the same
// cache sets.
constexpr size_t WinogradFilterStride(size_t filters) { return filters + 16; }

// Columns of a panel. The last panel may be one vector wide.
inline size_t WinogradPanelWidth(const WinogradPlan& plan, size_t panel) {
  return plan.shape.columns - panel * plan.tile.width > plan.tile.lanes ? plan.tile.width : plan.tile.lanes;
}

// Floats of one point before channel k of a panel, if the filters are resident.
inline size_t WinogradFiltersBefore(const WinogradPlan& plan, size_t panel, size_t k) {
  const size_t blocks = CeilDiv(plan.shape.depth, kWinogradDepthBlock);
  return panel * plan.tile.width * plan.shape.depth + k * WinogradPanelWidth(plan, panel) +
         (panel * blocks + k / kWinogradDepthBlock) * WinogradFilterStride(0);
}

// Tiles that the widest and the narrowest register tile multiply at a time.
size_t WinogradTileRows();
size_t WinogradShortRows();

}  // namespace decal::cpu
