// Quantisation: to and from codes, dynamic ranges, integer matrix products.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "engine/ops/op_traits.h"
#include "engine/ops/window.h"

namespace decal {

// inputs: x, scale, zero point or absent. Scales: one; one per index of `axis`; one per block along it.
struct Quantize {
  int64_t axis = 1;
  int64_t block_size = 0;   // 0: no blocks
  bool saturate = true;     // to 8-bit floats only: integers always do
  std::optional<DType> to;  // absent: the zero point's, else u8
};

// inputs: codes, scale, zero point or absent.
struct Dequantize {
  int64_t axis = 1;
  int64_t block_size = 0;
  std::optional<DType> to;  // absent: the scale's
};

// Quantize and Dequantize by one scale, in float32: scale * clip(round(x / scale), low, high).
struct RoundToGrid {
  float scale = 1, low = 0, high = 0;
};

// outputs: u8 codes, scale, zero point.
struct DynamicQuantize {};

// inputs: a, b, zero point of a or absent, zero point of b or absent -> i32.
struct MatMulInteger {};
struct ConvInteger {
  Window window;
  int64_t group = 1;
};

// ---- traits ----------------------------------------------------------------------------------

constexpr OpFacts QuantFacts(size_t required_inputs, LayoutNeed layout, bool on_cpu) {
  return {.required_inputs = required_inputs,
          .packed_input = kNoInput,
          .layout = layout,
          .activations = OnlyInputs(0),
          .any_strides = kNoInputs,
          .unit_last = kNoInputs,
          .in_place = false,
          .takes_strings = false,
          .known_by_shapes = false,
          .on_cpu = on_cpu,
          .on_gpu = false};
}

template <>
struct OpTraits<Quantize> : EachElementOnce {
  static constexpr OpFacts kFacts = QuantFacts(2, LayoutNeed::kAny, /*on_cpu=*/true);
  static const char* Name(const Quantize&) { return "QuantizeLinear"; }
  static void Fields(auto& op, auto&& field) {
    field("axis", op.axis);
    field("block_size", op.block_size);
    field("saturate", op.saturate);
    field("to", op.to);
  }
};

template <>
struct OpTraits<Dequantize> : EachElementOnce {
  static constexpr OpFacts kFacts = QuantFacts(2, LayoutNeed::kAny, /*on_cpu=*/true);
  static const char* Name(const Dequantize&) { return "DequantizeLinear"; }
  static void Fields(auto& op, auto&& field) {
    field("axis", op.axis);
    field("block_size", op.block_size);
    field("to", op.to);
  }
};

template <>
struct OpTraits<RoundToGrid> : EachElementOnce {
  static constexpr OpFacts kFacts = QuantFacts(1, LayoutNeed::kAny, /*on_cpu=*/true);
  static const char* Name(const RoundToGrid&) { return "RoundToGrid"; }
  static void Fields(auto& op, auto&& field) {
    field("scale", op.scale);
    field("low", op.low);
    field("high", op.high);
  }
};

template <>
struct OpTraits<DynamicQuantize> : EachElementOnce, NoFields {
  static constexpr OpFacts kFacts = QuantFacts(1, LayoutNeed::kAny, /*on_cpu=*/false);
  static const char* Name(const DynamicQuantize&) { return "DynamicQuantizeLinear"; }
};

template <>
struct OpTraits<MatMulInteger> : NoFields {
  static constexpr OpFacts kFacts = QuantFacts(2, LayoutNeed::kRowMajor, /*on_cpu=*/false);
  static Work WorkOf(const MatMulInteger&, std::span<const InferInput> inputs) {
    const Shape& a = inputs[0].shape;
    return {.per_output = a.empty() ? 1 : static_cast<double>(a.back())};
  }
  static const char* Name(const MatMulInteger&) { return "MatMulInteger"; }
};

template <>
struct OpTraits<ConvInteger> {
  static constexpr OpFacts kFacts = QuantFacts(2, LayoutNeed::kRowMajor, /*on_cpu=*/false);
  static Work WorkOf(const ConvInteger&, std::span<const InferInput> inputs) {
    return {.per_output = PerIndex(inputs[1].shape, 0)};
  }
  static const char* Name(const ConvInteger&) { return "ConvInteger"; }
  static void Fields(auto& op, auto&& field) {
    WindowFields(op.window, field);
    field("group", op.group);
  }
};

// ---- shape rules and references --------------------------------------------------------------

InferResult Infer(const Quantize&, const InferContext&);
Status Reference(const Quantize&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Dequantize&, const InferContext&);
Status Reference(const Dequantize&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const RoundToGrid&, const InferContext&);
Status Reference(const RoundToGrid&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const DynamicQuantize&, const InferContext&);
Status Reference(const DynamicQuantize&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const MatMulInteger&, const InferContext&);
Status Reference(const MatMulInteger&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const ConvInteger&, const InferContext&);
Status Reference(const ConvInteger&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

}  // namespace decal
