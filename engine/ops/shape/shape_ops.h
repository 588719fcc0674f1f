// Operators whose result depends on shapes only.
// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include "engine/ops/op_traits.h"

namespace decal {

struct ShapeOf {
  int64_t start = 0;
  int64_t end = std::numeric_limits<int64_t>::max();
};
struct ConstantOfShape {
  DType dtype = DType::kFloat32;
  double value = 0;
};
struct Range {};

// ---- traits ----------------------------------------------------------------------------------

constexpr OpFacts ShapeFacts(size_t required_inputs, bool takes_strings, bool known_by_shapes) {
  return {.required_inputs = required_inputs,
          .packed_input = kNoInput,
          .layout = LayoutNeed::kAny,
          .activations = OnlyInputs(0),
          .any_strides = kNoInputs,
          .unit_last = kNoInputs,
          .in_place = false,
          .takes_strings = takes_strings,
          .known_by_shapes = known_by_shapes,
          .on_cpu = false,
          .on_gpu = false};
}

template <>
struct OpTraits<ShapeOf> : EachElementOnce {
  static constexpr OpFacts kFacts = ShapeFacts(1, /*takes_strings=*/true, /*known_by_shapes=*/true);
  static const char* Name(const ShapeOf&) { return "Shape"; }
  static void Fields(auto& op, auto&& field) {
    field("start", op.start);
    if (op.end < std::numeric_limits<int64_t>::max()) field("end", op.end);
  }
};

template <>
struct OpTraits<ConstantOfShape> : EachElementOnce {
  static constexpr OpFacts kFacts = ShapeFacts(1, /*takes_strings=*/false, /*known_by_shapes=*/false);
  static const char* Name(const ConstantOfShape&) { return "ConstantOfShape"; }
  static void Fields(auto& op, auto&& field) {
    field("dtype", op.dtype);
    field("value", op.value);
  }
};

template <>
struct OpTraits<Range> : EachElementOnce, NoFields {
  static constexpr OpFacts kFacts = ShapeFacts(3, /*takes_strings=*/false, /*known_by_shapes=*/false);
  static const char* Name(const Range&) { return "Range"; }
};

// ---- shape rules and references --------------------------------------------------------------

InferResult Infer(const ShapeOf&, const InferContext&);
Status Reference(const ShapeOf&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const ConstantOfShape&, const InferContext&);
Status Reference(const ConstantOfShape&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Range&, const InferContext&);
Status Reference(const Range&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

}  // namespace decal
