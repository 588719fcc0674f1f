// Operators that move elements without computing: views, concatenation, slices, padding, gathers.
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "engine/ops/op_traits.h"

namespace decal {

// The elements of the input in row-major order under the output's type. Reshape, Flatten, Squeeze and
// Unsqueeze become this once shapes are known.
struct View {};

struct Reshape {
  bool allowzero = false;
};          // inputs: x, shape
struct Flatten {
  int64_t axis = 1;
};
struct Squeeze {
  Dims axes;
};                       // inputs: x, axes or absent; `axes` of older opsets
struct Unsqueeze {
  Dims axes;
};                     // likewise
struct Transpose {
  Dims perm;
};                     // empty: reversed
struct Concat {
  int64_t axis = 0;
};
struct Split {
  int64_t axis = 0;
  int64_t outputs = 0;
};  // inputs: x, sizes or absent (equal parts)
struct Slice {};                                     // inputs: x, starts, ends, axes or absent, steps or absent
struct Expand {};                                    // inputs: x, shape
struct Tile {};                                      // inputs: x, repeats
enum class PadMode : uint8_t { kConstant, kReflect, kEdge, kWrap };
struct Pad {
  PadMode mode = PadMode::kConstant;
};   // inputs: x, pads, value or absent, axes or absent
struct Gather {
  int64_t axis = 0;
};
struct DepthToSpace {
  int64_t block = 1;
  bool crd = false;
};  // crd: channels vary slower than blocks
struct SpaceToDepth {
  int64_t block = 1;
};

// Elements of x picked by a regular index map: what a chain of Transpose, Reshape, Slice, Split, Squeeze, Expand and
// Concat of equal parts over one tensor comes down to (passes/compose_movement). In row-major order the output is a
// box whose sizes are those of `digits`; a digit walks along input dimension `axis` in steps of `step`, from `start[axis]`.
// Each output dimension is the product of neighbouring digits.
struct Strided {
  struct Digit {
    int64_t extent = 1;
    size_t axis = 0;
    int64_t step = 1;  // 0 repeats
    bool operator==(const Digit&) const = default;
  };
  Shape shape;
  std::vector<Digit> digits;  // outermost first, none of size 1, at most kMaxRank
  Dims start;  // one entry for each input dimension
};

// Same tensor in another memory layout; the layout is that of the output value.
struct Relayout {};

// ---- traits ----------------------------------------------------------------------------------

constexpr OpFacts MovementFacts(size_t required_inputs, LayoutNeed layout, InputSet activations, InputSet any_strides,
                                bool takes_strings, bool on_gpu) {
  return {.required_inputs = required_inputs,
          .packed_input = kNoInput,
          .layout = layout,
          .activations = activations,
          .any_strides = any_strides,
          .unit_last = kNoInputs,
          .in_place = false,
          .takes_strings = takes_strings,
          .known_by_shapes = false,
          .on_cpu = true,
          .on_gpu = on_gpu};
}

// Reshape, Flatten, Squeeze and Unsqueeze become View, which is all that the GPU sees.
constexpr OpFacts ReshapingFacts(size_t required_inputs, bool on_gpu) {
  return MovementFacts(required_inputs, LayoutNeed::kRowMajor, OnlyInputs(0), kNoInputs, /*takes_strings=*/true,
                       on_gpu);
}

// Their kernels take the layout of their inputs.
constexpr OpFacts CopyFacts(size_t required_inputs, InputSet activations, InputSet any_strides, bool takes_strings) {
  return MovementFacts(required_inputs, LayoutNeed::kAny, activations, any_strides, takes_strings, /*on_gpu=*/true);
}

template <>
struct OpTraits<View> : EachElementOnce, NoFields {
  static constexpr OpFacts kFacts = ReshapingFacts(1, /*on_gpu=*/true);
  static const char* Name(const View&) { return "View"; }
};

template <>
struct OpTraits<Reshape> : EachElementOnce {
  static constexpr OpFacts kFacts = ReshapingFacts(2, /*on_gpu=*/false);
  static const char* Name(const Reshape&) { return "Reshape"; }
  static void Fields(auto& op, auto&& field) { field("allowzero", op.allowzero); }
};

template <>
struct OpTraits<Flatten> : EachElementOnce {
  static constexpr OpFacts kFacts = ReshapingFacts(1, /*on_gpu=*/false);
  static const char* Name(const Flatten&) { return "Flatten"; }
  static void Fields(auto& op, auto&& field) { field("axis", op.axis); }
};

template <>
struct OpTraits<Squeeze> : EachElementOnce {
  static constexpr OpFacts kFacts = ReshapingFacts(1, /*on_gpu=*/false);
  static const char* Name(const Squeeze&) { return "Squeeze"; }
  static void Fields(auto& op, auto&& field) { field("axes", op.axes); }
};

template <>
struct OpTraits<Unsqueeze> : EachElementOnce {
  static constexpr OpFacts kFacts = ReshapingFacts(1, /*on_gpu=*/false);
  static const char* Name(const Unsqueeze&) { return "Unsqueeze"; }
  static void Fields(auto& op, auto&& field) { field("axes", op.axes); }
};

template <>
struct OpTraits<Transpose> : EachElementOnce {
  static constexpr OpFacts kFacts = CopyFacts(1, OnlyInputs(0), kNoInputs, /*takes_strings=*/true);
  static const char* Name(const Transpose&) { return "Transpose"; }
  static void Fields(auto& op, auto&& field) { field("perm", op.perm); }
};

template <>
struct OpTraits<Concat> : EachElementOnce {
  static constexpr OpFacts kFacts = CopyFacts(1, kAllInputs, kAllInputs, /*takes_strings=*/true);
  static const char* Name(const Concat&) { return "Concat"; }
  static void Fields(auto& op, auto&& field) { field("axis", op.axis); }
};

template <>
struct OpTraits<Split> : EachElementOnce {
  static constexpr OpFacts kFacts = CopyFacts(1, OnlyInputs(0), kNoInputs, /*takes_strings=*/true);
  static const char* Name(const Split&) { return "Split"; }
  static void Fields(auto& op, auto&& field) { field("axis", op.axis); }
};

template <>
struct OpTraits<Slice> : EachElementOnce, NoFields {
  static constexpr OpFacts kFacts = CopyFacts(3, OnlyInputs(0), kNoInputs, /*takes_strings=*/true);
  static const char* Name(const Slice&) { return "Slice"; }
};

template <>
struct OpTraits<Expand> : EachElementOnce, NoFields {
  static constexpr OpFacts kFacts = CopyFacts(2, OnlyInputs(0), kNoInputs, /*takes_strings=*/true);
  static const char* Name(const Expand&) { return "Expand"; }
};

template <>
struct OpTraits<Tile> : EachElementOnce, NoFields {
  static constexpr OpFacts kFacts = CopyFacts(2, OnlyInputs(0), kNoInputs, /*takes_strings=*/true);
  static const char* Name(const Tile&) { return "Tile"; }
};

template <>
struct OpTraits<Pad> : EachElementOnce {
  static constexpr OpFacts kFacts = CopyFacts(2, OnlyInputs(0), kAllInputs, /*takes_strings=*/false);
  static const char* Name(const Pad&) { return "Pad"; }
  static void Fields(auto& op, auto&& field) { field("mode", op.mode); }
};

template <>
struct OpTraits<Gather> : EachElementOnce {
  static constexpr OpFacts kFacts =
      MovementFacts(2, LayoutNeed::kRowMajor, OnlyInputs(0), kNoInputs, /*takes_strings=*/true, /*on_gpu=*/true);
  static const char* Name(const Gather&) { return "Gather"; }
  static void Fields(auto& op, auto&& field) { field("axis", op.axis); }
};

template <>
struct OpTraits<DepthToSpace> : EachElementOnce {
  static constexpr OpFacts kFacts = CopyFacts(1, OnlyInputs(0), kNoInputs, /*takes_strings=*/false);
  static const char* Name(const DepthToSpace&) { return "DepthToSpace"; }
  static void Fields(auto& op, auto&& field) {
    field("block", op.block);
    field("crd", op.crd);
  }
};

template <>
struct OpTraits<SpaceToDepth> : EachElementOnce {
  static constexpr OpFacts kFacts = CopyFacts(1, OnlyInputs(0), kNoInputs, /*takes_strings=*/false);
  static const char* Name(const SpaceToDepth&) { return "SpaceToDepth"; }
  static void Fields(auto& op, auto&& field) { field("block", op.block); }
};

template <>
struct OpTraits<Strided> : EachElementOnce {
  static constexpr OpFacts kFacts = CopyFacts(1, OnlyInputs(0), kAllInputs, /*takes_strings=*/true);
  static const char* Name(const Strided&) { return "Strided"; }
  static void Fields(auto& op, auto&& field) {
    field("start", op.start);
    field("digits", op.digits);
  }
};

template <>
struct OpTraits<Relayout> : EachElementOnce, NoFields {
  static constexpr OpFacts kFacts = CopyFacts(1, OnlyInputs(0), kNoInputs, /*takes_strings=*/true);
  static const char* Name(const Relayout&) { return "Relayout"; }
};

// ---- shape rules and references --------------------------------------------------------------

InferResult Infer(const View&, const InferContext&);
Status Reference(const View&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Reshape&, const InferContext&);
Status Reference(const Reshape&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Flatten&, const InferContext&);
Status Reference(const Flatten&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Squeeze&, const InferContext&);
Status Reference(const Squeeze&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Unsqueeze&, const InferContext&);
Status Reference(const Unsqueeze&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Transpose&, const InferContext&);
Status Reference(const Transpose&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Concat&, const InferContext&);
Status Reference(const Concat&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Split&, const InferContext&);
Status Reference(const Split&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Slice&, const InferContext&);
Status Reference(const Slice&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Expand&, const InferContext&);
Status Reference(const Expand&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Tile&, const InferContext&);
Status Reference(const Tile&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Pad&, const InferContext&);
Status Reference(const Pad&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Gather&, const InferContext&);
Status Reference(const Gather&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const DepthToSpace&, const InferContext&);
Status Reference(const DepthToSpace&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const SpaceToDepth&, const InferContext&);
Status Reference(const SpaceToDepth&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Strided&, const InferContext&);
Status Reference(const Strided&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Relayout&, const InferContext&);
Status Reference(const Relayout&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

}  // namespace decal
