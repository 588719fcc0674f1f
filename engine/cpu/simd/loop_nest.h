// Loop nests cut into tasks for threads.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "decal/parallel.h"
#include "engine/base/assert.h"
#include "engine/base/loop_nest.h"
#include "engine/cpu/simd/feature_map.h"

namespace decal::cpu {

// The two innermost loops, or a part of them.
template <size_t kOperands>
struct LoopTile {
  size_t rows = 0;
  size_t columns = 0;
  std::array<ptrdiff_t, kOperands> offset{};
  std::array<ptrdiff_t, kOperands> row_stride{};
  std::array<ptrdiff_t, kOperands> column_stride{};

  ptrdiff_t at(size_t operand, size_t row, size_t column) const {
    return offset[operand] + static_cast<ptrdiff_t>(row) * row_stride[operand] +
           static_cast<ptrdiff_t>(column) * column_stride[operand];
  }
};

// Calls fn(tile, thread) so that the tiles cover the nest, in tasks of about kTaskElements where every
// iteration stands for `work` elements.
template <size_t kOperands, class Fn>
void ForEachTile(const LoopNest<kOperands>& nest, size_t work, ThreadRunner& runner, const Fn& fn) {
  DECAL_DASSERT(work > 0);
  DECAL_DASSERT(nest.extents.elements() > 0);
  const size_t rank = nest.extents.rank();
  const size_t inner = static_cast<size_t>(nest.inner_extent());
  const size_t rows = static_cast<size_t>(nest.rows());
  const size_t middle = rank > 1 ? static_cast<size_t>(nest.extents[rank - 2]) : 1;
  const size_t iterations_per_task = std::max<size_t>(1, kTaskElements / work);
  const size_t columns_per_task = std::min(inner, iterations_per_task);
  const size_t pieces = (inner + columns_per_task - 1) / columns_per_task;
  const size_t rows_per_task = iterations_per_task / columns_per_task;

  ParallelFor(runner, (rows + rows_per_task - 1) / rows_per_task * pieces, [&](size_t task, size_t thread) {
    const size_t first_column = task % pieces * columns_per_task;
    LoopTile<kOperands> tile;
    tile.columns = std::min(columns_per_task, inner - first_column);
    for (size_t o = 0; o < kOperands; ++o) {
      tile.column_stride[o] = nest.strides[o][rank - 1];
      tile.row_stride[o] = rank > 1 ? nest.strides[o][rank - 2] : 0;
    }
    const size_t begin = task / pieces * rows_per_task;
    const size_t end = std::min(rows, begin + rows_per_task);
    for (size_t row = begin; row < end; row += tile.rows) {
      tile.rows = std::min(end - row, middle - row % middle);
      for (size_t o = 0; o < kOperands; ++o)
        tile.offset[o] = static_cast<ptrdiff_t>(first_column) * tile.column_stride[o];
      size_t rest = row;
      for (size_t d = rank - 1; d-- > 0;) {
        const size_t extent = static_cast<size_t>(nest.extents[d]);
        for (size_t o = 0; o < kOperands; ++o)
          tile.offset[o] += static_cast<ptrdiff_t>(rest % extent) * nest.strides[o][d];
        rest /= extent;
      }
      fn(tile, thread);
    }
  });
}

}  // namespace decal::cpu
