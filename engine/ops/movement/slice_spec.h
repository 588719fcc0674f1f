// What a Slice means once its bounds are known: an offset, a step and an extent for every dimension.
#pragma once

#include <span>

#include "engine/base/result.h"
#include "engine/base/tensor_view.h"

namespace decal {

struct SliceSpec {
  Shape shape;  // of the result
  Dims start;   // first index in the input
  Dims step;    // may be negative
};

// `parameters`: starts, ends, axes, steps (the last two may be absent) as int64 or int32 vectors.
Result<SliceSpec> ResolveSlice(const Shape& input, std::span<const TensorView, 4> parameters);

// The part of `input` that the slice selects, without copying.
TensorView SliceView(const TensorView& input, const SliceSpec& spec);

}  // namespace decal
