// Reductions over axes.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ops/op_traits.h"

namespace decal {

enum class ReduceKind : uint8_t { kSum, kMean, kMax, kMin, kProd, kL1, kL2, kSumSquare, kLogSum, kLogSumExp };

// inputs: x, axes (i64) or absent. `axes` holds the attribute of older opsets.
struct Reduce {
  ReduceKind kind;
  Dims axes;
  bool keepdims = true;
  bool noop_with_empty_axes = false;
};

const char* Name(ReduceKind kind);

inline constexpr OpFacts kReduceFacts{.required_inputs = 1,
                                      .packed_input = kNoInput,
                                      .layout = LayoutNeed::kAny,
                                      .activations = OnlyInputs(0),
                                      .any_strides = kNoInputs,
                                      .unit_last = kNoInputs,
                                      .in_place = false,
                                      .takes_strings = false,
                                      .known_by_shapes = false,
                                      .on_cpu = true,
                                      .on_gpu = true};

template <>
struct OpTraits<Reduce> : EachElementOnce {
  static constexpr OpFacts kFacts = kReduceFacts;
  static const char* Name(const Reduce& op) { return decal::Name(op.kind); }
  static void Fields(auto& op, auto&& field) {
    field("axes", op.axes);
    field("keepdims", op.keepdims);
    field("noop_with_empty_axes", op.noop_with_empty_axes);
  }
};

InferResult Infer(const Reduce&, const InferContext&);
Status Reference(const Reduce&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

}  // namespace decal
