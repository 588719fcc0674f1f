// Loops over strided tensors: dimensions merged as far as all operands allow.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/base/assert.h"
#include "engine/base/shape.h"

namespace decal {

// Extents and the strides of every operand, outermost dimension first; never of rank 0.
template <size_t kOperands>
struct LoopNest {
  Dims extents;
  std::array<Strides, kOperands> strides;

  int64_t inner_extent() const { return extents.back(); }
  int64_t rows() const { return extents.elements() / extents.back(); }
};

// Orders the dimensions by the memory order of operand 0, drops dimensions of size 1 and merges neighbours that
// are contiguous for every operand: a 1x3x512x512 map becomes one run of 786,432. No size may be 0.
template <size_t kOperands>
LoopNest<kOperands> Coalesce(const Shape& shape, const std::array<Strides, kOperands>& strides) {
  DECAL_DASSERT(shape.elements() > 0);
  const auto outer = [&](size_t a, size_t b) {
    for (size_t o = 0; o < kOperands; ++o)
      if (strides[o][a] != strides[o][b]) return strides[o][a] > strides[o][b];
    return a < b;
  };
  // Insertion sort: std::sort of eight numbers would be most of this function's code.
  std::array<size_t, kMaxRank> order{};
  size_t count = 0;
  for (size_t d = 0; d < shape.rank(); ++d) {
    if (shape[d] == 1) continue;
    size_t at = count++;
    for (; at > 0 && outer(d, order[at - 1]); --at) order[at] = order[at - 1];
    order[at] = d;
  }

  LoopNest<kOperands> nest;
  for (size_t i = 0; i < count; ++i) {
    const size_t d = order[i];
    const size_t last = nest.extents.rank() - 1;  // unused while there is none
    bool mergeable = !nest.extents.empty();
    for (size_t o = 0; o < kOperands && mergeable; ++o) mergeable = nest.strides[o][last] == strides[o][d] * shape[d];
    if (mergeable) {
      nest.extents[last] *= shape[d];
      for (size_t o = 0; o < kOperands; ++o) nest.strides[o][last] = strides[o][d];
    } else {
      nest.extents.push_back(shape[d]);
      for (size_t o = 0; o < kOperands; ++o) nest.strides[o].push_back(strides[o][d]);
    }
  }
  if (nest.extents.empty()) {
    nest.extents.push_back(1);
    for (Strides& s : nest.strides) s.push_back(1);
  }
  return nest;
}

}  // namespace decal
