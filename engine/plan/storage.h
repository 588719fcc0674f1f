// Where every value of a specialised graph lives: which buffer, at which offset, with which strides.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "engine/ir/graph.h"

namespace decal {

// A value's place inside the buffer of its root.
struct Placement {
  ValueId root = kNoValue;  // the value that owns the memory; a constant or graph input owns its own
  int64_t offset = 0;       // in elements
  Strides strides;
};

struct StoragePlan {
  std::vector<Placement> placements;    // by ValueId
  std::vector<size_t> root_bytes;       // by ValueId; 0 for values that own no arena memory
  std::vector<int32_t> first_use;       // by ValueId of a root: index of the first node that writes it
  std::vector<int32_t> last_use;        // likewise the last node that reads it; the node count for graph outputs
  std::vector<bool> elided;             // by node: nothing is left to run
};

// Decides aliases:
//   - the inputs of a channel Concat are written straight into their slice of its output, unless a buffer that waits
//     for its last part would raise the peak: then the early part is copied when the others are there;
//   - Split, Slice, View, Relayout and Transpose refer to their input's memory where strides can say so;
//   - an elementwise operator overwrites an input that is not needed afterwards.
StoragePlan PlanStorage(const Graph& graph);

}  // namespace decal
