// Matrix products.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ops/epilogue.h"
#include "engine/ops/op_traits.h"

namespace decal {

// NumPy matmul; inputs a, b, bias (absent unless fused; [N] of the last dimension), then the epilogue's.
struct MatMul {
  Epilogue epilogue;
};

// alpha * A' * B' + beta * C.
struct Gemm {
  float alpha = 1, beta = 1;
  bool trans_a = false, trans_b = false;
};

// ---- traits ----------------------------------------------------------------------------------

template <>
struct OpTraits<MatMul> {
  static constexpr OpFacts kFacts = {.required_inputs = 2,
                                     .packed_input = 1,
                                     .layout = LayoutNeed::kRowMajor,
                                     .activations = OnlyInputs(0, 1),
                                     .any_strides = OnlyInputs(1),
                                     .unit_last = OnlyInputs(0),
                                     .in_place = false,
                                     .takes_strings = false,
                                     .known_by_shapes = false,
                                     .on_cpu = true,
                                     .on_gpu = true};
  static constexpr EpilogueSlots kEpilogue{.bias = 2, .own_inputs = 3, .channels_last_dimension = true};
  static Work WorkOf(const MatMul&, std::span<const InferInput> inputs) {
    const Shape& a = inputs[0].shape;
    return {.per_output = a.empty() ? 1 : static_cast<double>(a.back())};
  }
  static const char* Name(const MatMul&) { return "MatMul"; }
  static void Fields(auto& op, auto&& field) { field("epilogue", op.epilogue); }
};

template <>
struct OpTraits<Gemm> {
  static constexpr OpFacts kFacts = {.required_inputs = 2,
                                     .packed_input = 1,
                                     .layout = LayoutNeed::kRowMajor,
                                     .activations = kAllInputs,
                                     .any_strides = kNoInputs,
                                     .unit_last = kNoInputs,
                                     .in_place = false,
                                     .takes_strings = false,
                                     .known_by_shapes = false,
                                     .on_cpu = true,
                                     .on_gpu = true};
  static Work WorkOf(const Gemm& op, std::span<const InferInput> inputs) {
    const Shape& a = inputs[0].shape;
    return {.per_output = a.rank() == 2 ? static_cast<double>(a[op.trans_a ? 0 : 1]) : 1};
  }
  static const char* Name(const Gemm&) { return "Gemm"; }
  static void Fields(auto& op, auto&& field) {
    field("alpha", op.alpha);
    field("beta", op.beta);
    field("trans_a", op.trans_a);
    field("trans_b", op.trans_b);
  }
};

// ---- shape rules and references --------------------------------------------------------------

InferResult Infer(const MatMul&, const InferContext&);
Status Reference(const MatMul&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Gemm&, const InferContext&);
Status Reference(const Gemm&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

}  // namespace decal
