// Blocks, partition and packing of Winograd convolutions.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "engine/base/buffer.h"
#include "engine/cpu/winograd/winograd.h"

namespace decal::cpu {
namespace {

// Scratch parts begin on cache lines.
size_t AlignedFloats(size_t floats) { return AlignUp(floats * sizeof(float)) / sizeof(float); }

// V of a block and one depth block, which stays in a second-level cache while panels pass by.
constexpr size_t kBlockBytes = 384 * 1024;
// Tiles of a block where each task transforms the filters again, so that this costs little. As many as fit the limits
// below; a multiple of every register tile. Fewer cost more than leaving the second-level cache does: 1280 to 96
// channels at 32x32 with 5x5 filters (products_bench) takes 14.0, 15.3 and 16.7 ms with 72, 36 and 24.
constexpr size_t kTransformingTiles = 72;
// A task that adds up several depth blocks keeps M of all panels: at most this many columns and floats.
constexpr size_t kSummedColumns = 128;
constexpr size_t kSummedFloats = 512 * 1024;
// Below some 20 microseconds a task is not worth handing to another thread.
constexpr uint64_t kMinWinogradTask = 1 << 19;

// What one task costs; see WinogradCost.
double TaskCost(const WinogradPlan& plan, size_t task_tiles, size_t columns) {
  // Instructions of the transforms of one tile (or filter) and one vector: winograd-inl.h, counted.
  struct Instructions {
    double input, output, filter;
  };
  constexpr Instructions kOf[] = {
      {7 * 24 + 8 * 24 + 56 + 64, 14 * 22 + 64 + 36 * 4, 11 * 12 + 9 + 64},   // F(6x6,3x3)
      {4 * 12 + 6 * 12 + 24 + 36, 10 * 13 + 36 + 16 * 4, 9 * 8 + 9 + 36},     // F(4x4,3x3)
      {2 * 4 + 4 * 4 + 8 + 16, 6 * 4 + 16 + 4 * 4, 7 * 5 + 9 + 16},           // F(2x2,3x3)
      {5 * 24 + 8 * 24 + 40 + 64, 12 * 17 + 64 + 16 * 4, 13 * 26 + 25 + 64},  // F(4x4,5x5)
  };
  const Instructions& of = kOf[static_cast<size_t>(plan.variant)];
  const size_t points = ExtentsOf(plan.variant).points * ExtentsOf(plan.variant).points;
  const double depth = static_cast<double>(plan.shape.depth);
  const double depth_vectors = static_cast<double>(CeilDiv(plan.shape.depth, plan.tile.lanes));
  const double tiles = static_cast<double>(task_tiles);
  const double rows = static_cast<double>(RoundUp(task_tiles, WinogradShortRows()));
  const double column_vectors = static_cast<double>(CeilDiv(columns, plan.tile.lanes));
  double cost = rows * static_cast<double>(points) * depth * column_vectors;
  cost += tiles * (depth_vectors * of.input + column_vectors * of.output);
  if (!plan.resident) cost += depth * column_vectors * of.filter;
  return cost;
}

// Cuts the layer into blocks of tiles times ranges of panels. Large tasks repeat little: filters are transformed once a
// block, inputs once a range. Small ones end together. The cheapest cut is the one that the last thread finishes first.
void Partition(WinogradPlan& plan, size_t most_tiles, size_t threads) {
  const size_t tiles = plan.tiles(), panels = plan.panels(), rows = WinogradTileRows();
  const size_t points = ExtentsOf(plan.variant).points * ExtentsOf(plan.variant).points;
  const bool summed = plan.shape.depth > kWinogradDepthBlock;
  const uint64_t macs_per_cell = uint64_t{points} * plan.shape.depth * plan.tile.width;  // tile x panel
  size_t task_panels = 0;
  double best = 0;
  for (size_t blocks = CeilDiv(tiles, most_tiles);; blocks *= 2) {
    const size_t block = RoundUp(CeilDiv(tiles, blocks), rows);
    size_t most_panels = panels;
    if (summed) {
      const size_t columns = std::min(kSummedColumns, kSummedFloats / (block * points));
      most_panels = std::min(panels, std::max(columns / plan.tile.width, size_t{1}));
    }
    for (size_t range = CeilDiv(panels, CeilDiv(panels, most_panels));; range = CeilDiv(range, 2)) {
      const size_t tasks = CeilDiv(tiles, block) * CeilDiv(panels, range);
      const double cost = TaskCost(plan, std::min(block, tiles), std::min(range * plan.tile.width, plan.shape.columns));
      // Threads seldom are equally fast: on average the last one is half a task late.
      const double turns = static_cast<double>(CeilDiv(tasks, threads)) + (threads > 1 ? 0.5 : 0.0);
      if (task_panels == 0 || turns * cost < best) {
        best = turns * cost;
        plan.block_tiles = block;
        task_panels = range;
      }
      if (range == 1 || macs_per_cell * block * range < 2 * kMinWinogradTask) break;
    }
    if (block <= rows || macs_per_cell * block < 2 * kMinWinogradTask) break;
  }
  for (size_t tile = 0; tile < tiles; tile += plan.block_tiles)
    for (size_t panel = 0; panel < panels; panel += task_panels)
      plan.tasks.push_back(
          {tile, std::min(plan.block_tiles, tiles - tile), panel, std::min(task_panels, panels - panel)});
  plan.panel_floats = plan.block_tiles * points * plan.tile.width;
  plan.m_floats = plan.panel_floats * (summed ? task_panels : 1);
}

}  // namespace

WinogradPlan MakeWinogradPlan(const WinogradShape& shape, WinogradVariant variant, const Epilogue& epilogue,
                              bool resident, size_t threads) {
  WinogradPlan plan;
  plan.variant = variant;
  plan.shape = shape;
  plan.tile = IndirectConvTileShape();
  plan.epilogue = epilogue;
  plan.resident = resident;
  const WinogradExtents e = ExtentsOf(variant);
  plan.phases_y = std::min(shape.dilation_y, shape.out_height);
  plan.phases_x = std::min(shape.dilation_x, shape.out_width);
  plan.tiles_y = CeilDiv(CeilDiv(shape.out_height, plan.phases_y), e.outputs);
  plan.tiles_x = CeilDiv(CeilDiv(shape.out_width, plan.phases_x), e.outputs);
  plan.multiply_adds =
      uint64_t{shape.batch} * shape.out_height * shape.out_width * e.taps * e.taps * shape.depth * shape.columns;

  const size_t points = e.points * e.points, rows = WinogradTileRows();
  const size_t depth = std::min(shape.depth, kWinogradDepthBlock);
  const size_t tile_bytes = points * RoundUp(depth, kWinogradChannels) * sizeof(float);
  const size_t most_tiles = std::max(kBlockBytes / tile_bytes, resident ? size_t{0} : kTransformingTiles);
  Partition(plan, std::max(most_tiles / rows, size_t{1}) * rows, threads);

  plan.v_floats = AlignedFloats(CeilDiv(plan.block_tiles, rows) * points * WinogradPointFloats(rows, depth));
  plan.m_floats = AlignedFloats(plan.m_floats);
  plan.u_floats = resident ? 0 : AlignedFloats(points * WinogradFilterStride(depth * plan.tile.width));
  plan.patch_floats = AlignedFloats(std::max(points * depth, WinogradGatheredFloats(plan)));
  return plan;
}

size_t WinogradFilterFloats(const WinogradShape& shape, WinogradVariant variant) {
  const TileShape tile = IndirectConvTileShape();
  const size_t points = ExtentsOf(variant).points * ExtentsOf(variant).points;
  const size_t blocks = CeilDiv(shape.depth, kWinogradDepthBlock) * CeilDiv(shape.columns, tile.width);
  return points * (shape.depth * PaddedColumns(shape.columns, tile) + blocks * WinogradFilterStride(0));
}

size_t WinogradGatheredFloats(const WinogradPlan& plan) {
  const size_t taps = ExtentsOf(plan.variant).taps;
  return taps * taps * WinogradFilterStride(std::min(plan.shape.depth, kWinogradDepthBlock) * plan.tile.width);
}

double WinogradCost(const WinogradPlan& plan) {
  double cost = 0;
  for (const WinogradTask& task : plan.tasks) {
    const size_t first_column = task.first_panel * plan.tile.width;
    cost += TaskCost(plan, task.tiles, std::min(plan.shape.columns - first_column, task.panels * plan.tile.width));
  }
  return cost;
}

}  // namespace decal::cpu
