// What a Slice or a Pad means once its parameters are known: numbers for every dimension.
// SPDX-License-Identifier: MIT
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

struct PadSpec {
  Dims begin, end;  // negative ones crop
};

// `pads`: all begins, then all ends, of the dimensions that `axes` names (absent: of all), as int64 vectors.
Result<PadSpec> ResolvePad(const Shape& input, const TensorView& pads, const TensorView& axes);

}  // namespace decal
