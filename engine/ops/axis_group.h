// Splits a tensor's dimensions into those an operator works along and those it repeats over.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/base/loop_nest.h"
#include "engine/ops/shape_rule.h"

namespace decal {

// Dimensions by number.
struct AxisSet {
  std::array<bool, kMaxRank> in{};
};

inline AxisSet AxesFrom(size_t first, size_t rank) {
  AxisSet set;
  for (size_t d = first; d < rank; ++d) set.in[d] = true;
  return set;
}

// The merged loops over the dimensions that are in `set` (or not in it, for `inside` false).
template <size_t kOperands>
LoopNest<kOperands> CoalesceSubset(const Shape& shape, const std::array<Strides, kOperands>& strides,
                                   const AxisSet& set, bool inside) {
  Shape chosen;
  std::array<Strides, kOperands> chosen_strides;
  for (size_t d = 0; d < shape.rank(); ++d) {
    if (set.in[d] != inside) continue;
    chosen.push_back(shape[d]);
    for (size_t o = 0; o < kOperands; ++o) chosen_strides[o].push_back(strides[o][d]);
  }
  return Coalesce<kOperands>(chosen, chosen_strides);
}

}  // namespace decal
