// Convolution and transposed convolution.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "engine/ops/epilogue.h"
#include "engine/ops/op_traits.h"
#include "engine/ops/window.h"

namespace decal {

// inputs: x [N,C,H,W], weight [M,C/group,kh,kw], bias [M] or absent, then the epilogue's.
struct Conv {
  Window window;
  int64_t group = 1;
  Epilogue epilogue;
};

// inputs: x [N,C,H,W], weight [C,M/group,kh,kw], bias [M] or absent, then the epilogue's.
struct ConvTranspose {
  Window window;
  int64_t group = 1;
  Dims output_padding;
  Dims output_shape;  // empty: computed from the rest
  Epilogue epilogue;
};

// ---- traits ----------------------------------------------------------------------------------

inline constexpr OpFacts kConvFacts{.required_inputs = 2,
                                    .packed_input = 1,
                                    .layout = LayoutNeed::kChannelsLast,
                                    .activations = OnlyInputs(0),
                                    .any_strides = kNoInputs,
                                    .unit_last = kNoInputs,
                                    .in_place = false,
                                    .takes_strings = false,
                                    .known_by_shapes = false,
                                    .on_cpu = true,
                                    .on_gpu = true};

template <>
struct OpTraits<Conv> {
  static constexpr OpFacts kFacts = kConvFacts;
  static constexpr EpilogueSlots kEpilogue{.bias = 2, .own_inputs = 3, .channels_last_dimension = false};
  static Work WorkOf(const Conv&, std::span<const InferInput> inputs) {
    return {.per_output = PerIndex(inputs[1].shape, 0)};
  }
  static const char* Name(const Conv&) { return "Conv"; }
  static void Fields(auto& op, auto&& field) {
    WindowFields(op.window, field);
    field("group", op.group);
    field("epilogue", op.epilogue);
  }
};

template <>
struct OpTraits<ConvTranspose> {
  static constexpr OpFacts kFacts = kConvFacts;
  static constexpr EpilogueSlots kEpilogue{.bias = 2, .own_inputs = 3, .channels_last_dimension = false};
  // Every output element looks at every tap, most of which a stride or dilation may leave without an input.
  static Work WorkOf(const ConvTranspose&, std::span<const InferInput> inputs) {
    const Shape& weight = inputs[1].shape;
    const double products = PerIndex(weight, 0);
    return {.per_output = weight.rank() < 2 ? 1 : products / std::max<double>(1, static_cast<double>(weight[1])),
            .per_input = products};
  }
  static const char* Name(const ConvTranspose&) { return "ConvTranspose"; }
  static void Fields(auto& op, auto&& field) {
    WindowFields(op.window, field);
    field("group", op.group);
    field("output_padding", op.output_padding);
    field("output_shape", op.output_shape);
    field("epilogue", op.epilogue);
  }
};

// ---- shape rules and references --------------------------------------------------------------

InferResult Infer(const Conv&, const InferContext&);
Status Reference(const Conv&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const ConvTranspose&, const InferContext&);
Status Reference(const ConvTranspose&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

}  // namespace decal
