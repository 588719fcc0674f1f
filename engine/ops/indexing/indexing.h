// Operators that read or write where indices point, find positions, or sum along labels and axes.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "engine/ops/op_traits.h"

namespace decal {

struct GatherNd {
  int64_t batch_dims = 0;
};         // inputs: x, indices (i64)
enum class ScatterReduction : uint8_t { kNone, kAdd, kMul, kMin, kMax };
struct ScatterNd {
  ScatterReduction reduction = ScatterReduction::kNone;
};  // inputs: x, indices (i64), updates
struct GatherElements {
  int64_t axis = 0;
};         // inputs: x, indices
struct ScatterElements {                             // inputs: x, indices, updates
  int64_t axis = 0;
  ScatterReduction reduction = ScatterReduction::kNone;
};

// inputs: x, k; outputs: values, indices (i64). Equal elements come in the order of their indices.
struct TopK {
  int64_t axis = -1;
  bool largest = true;
};

// Position (i64) of the maximum or minimum along an axis; the first of equal ones unless `last`.
struct ArgReduce {
  bool max = true;
  int64_t axis = 0;
  bool keepdims = true;
  bool last = false;
};

struct CumSum {
  bool exclusive = false, reverse = false;
};  // inputs: x, axis
struct NonZero {};                                           // x must be known: the output's size is its contents
struct Einsum {
  std::string equation;
};                     // any number of inputs of one type

// ---- traits ----------------------------------------------------------------------------------

// References alone: what networks do with these is small, or folded.
constexpr OpFacts IndexingFacts(size_t required_inputs, bool takes_strings) {
  return {.required_inputs = required_inputs,
          .packed_input = kNoInput,
          .layout = LayoutNeed::kRowMajor,
          .activations = OnlyInputs(0),
          .any_strides = kNoInputs,
          .unit_last = kNoInputs,
          .in_place = false,
          .takes_strings = takes_strings,
          .known_by_shapes = false,
          .on_cpu = false,
          .on_gpu = false};
}

template <>
struct OpTraits<GatherNd> : EachElementOnce {
  static constexpr OpFacts kFacts = IndexingFacts(2, /*takes_strings=*/true);
  static const char* Name(const GatherNd&) { return "GatherND"; }
  static void Fields(auto& op, auto&& field) { field("batch_dims", op.batch_dims); }
};

template <>
struct OpTraits<ScatterNd> : EachElementOnce {
  static constexpr OpFacts kFacts = IndexingFacts(3, /*takes_strings=*/false);
  static const char* Name(const ScatterNd&) { return "ScatterND"; }
  static void Fields(auto& op, auto&& field) { field("reduction", op.reduction); }
};

template <>
struct OpTraits<GatherElements> : EachElementOnce {
  static constexpr OpFacts kFacts = IndexingFacts(2, /*takes_strings=*/true);
  static const char* Name(const GatherElements&) { return "GatherElements"; }
  static void Fields(auto& op, auto&& field) { field("axis", op.axis); }
};

template <>
struct OpTraits<ScatterElements> : EachElementOnce {
  static constexpr OpFacts kFacts = IndexingFacts(3, /*takes_strings=*/false);
  static const char* Name(const ScatterElements&) { return "ScatterElements"; }
  static void Fields(auto& op, auto&& field) {
    field("axis", op.axis);
    field("reduction", op.reduction);
  }
};

template <>
struct OpTraits<TopK> : EachElementOnce {
  static constexpr OpFacts kFacts = IndexingFacts(1, /*takes_strings=*/false);
  static const char* Name(const TopK&) { return "TopK"; }
  static void Fields(auto& op, auto&& field) {
    field("axis", op.axis);
    field("largest", op.largest);
  }
};

template <>
struct OpTraits<ArgReduce> : EachElementOnce {
  static constexpr OpFacts kFacts = IndexingFacts(1, /*takes_strings=*/false);
  static const char* Name(const ArgReduce& op) { return op.max ? "ArgMax" : "ArgMin"; }
  static void Fields(auto& op, auto&& field) {
    field("axis", op.axis);
    field("keepdims", op.keepdims);
    field("last", op.last);
  }
};

template <>
struct OpTraits<CumSum> : EachElementOnce {
  static constexpr OpFacts kFacts = IndexingFacts(2, /*takes_strings=*/false);
  static const char* Name(const CumSum&) { return "CumSum"; }
  static void Fields(auto& op, auto&& field) {
    field("exclusive", op.exclusive);
    field("reverse", op.reverse);
  }
};

template <>
struct OpTraits<NonZero> : EachElementOnce, NoFields {
  static constexpr OpFacts kFacts = IndexingFacts(1, /*takes_strings=*/false);
  static const char* Name(const NonZero&) { return "NonZero"; }
};

template <>
struct OpTraits<Einsum> : EachElementOnce {
  static constexpr OpFacts kFacts = IndexingFacts(1, /*takes_strings=*/false);
  static const char* Name(const Einsum&) { return "Einsum"; }
  static void Fields(auto& op, auto&& field) { field("equation", op.equation); }
};

// ---- shape rules and references --------------------------------------------------------------

InferResult Infer(const GatherNd&, const InferContext&);
Status Reference(const GatherNd&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const ScatterNd&, const InferContext&);
Status Reference(const ScatterNd&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const GatherElements&, const InferContext&);
Status Reference(const GatherElements&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const ScatterElements&, const InferContext&);
Status Reference(const ScatterElements&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const TopK&, const InferContext&);
Status Reference(const TopK&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const ArgReduce&, const InferContext&);
Status Reference(const ArgReduce&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const CumSum&, const InferContext&);
Status Reference(const CumSum&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const NonZero&, const InferContext&);
Status Reference(const NonZero&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Einsum&, const InferContext&);
Status Reference(const Einsum&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

// to[at] = to[at] `reduction` from[from_offset]. Integers wrap.
void CombineElement(ScatterReduction reduction, const TensorView& from, int64_t from_offset,
                    const MutableTensorView& to, int64_t at);

}  // namespace decal
