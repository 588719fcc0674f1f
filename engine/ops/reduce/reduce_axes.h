// Which dimensions a Reduce removes.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ops/axis_group.h"
#include "engine/ops/reduce/reduce.h"

namespace decal {

// `axes` as ONNX writes them; without any, all dimensions or (noop_with_empty_axes) none.
Result<AxisSet> ReducedAxes(const Reduce& op, const Dims& axes, size_t rank);

// The same for views of a node's inputs, the second of which may hold the axes.
Result<AxisSet> ReducedAxes(const Reduce& op, const TensorView& x, const TensorView& axes);

// The output's strides spread over the input's dimensions, 0 for the reduced ones.
Strides SpreadStrides(const Strides& output, const AxisSet& reduced, size_t rank, bool keepdims);

}  // namespace decal
