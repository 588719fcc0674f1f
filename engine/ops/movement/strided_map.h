// The index map of a Strided operator over actual memory: boxes of digits with strides in elements.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "engine/base/tensor_view.h"
#include "engine/ops/movement/movement.h"

namespace decal {

// The input as the operator reads it: sizes of the digits, and the strides and the offset from x's first element
// (in elements) that x's own strides give them.
struct StridedBox {
  Shape extents;
  Strides strides;
  int64_t offset = 0;
};
StridedBox InputBox(const Strided& op, const Strides& x_strides);

// The strides of the same digits in an output of op.shape with these strides.
Strides OutputBox(const Strided& op, const Strides& out_strides);

// Strides of the output's own dimensions if it is to refer to x's memory: none where the digits of one dimension do
// not step evenly.
std::optional<Strides> AliasStrides(const Strided& op, const Strides& x_strides);

}  // namespace decal
