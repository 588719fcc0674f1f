// Operators that treat every element alike: unary, binary with broadcasting, Where, Cast.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/base/element.h"
#include "engine/ops/elementwise/unary.h"
#include "engine/ops/op_traits.h"

namespace decal {

enum class BinaryKind : uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kPow,
  kMin,
  kMax,
  kMod,
  kFmod,                                                  // remainder with the sign of b, of a; floats: of a
  kPRelu,                                                       // x < 0 ? x * slope : x
  kEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,       // -> bool
  kAnd,
  kOr,
  kXor,                                              // bool -> bool
};

// NumPy broadcasting. kPRelu: the slope broadcasts to x only.
struct Binary {
  BinaryKind kind;
};

// condition ? a : b, all three broadcast.
struct Where {};

struct Cast {
  DType to;
  NarrowRule rule = {};
};

const char* Name(UnaryKind kind);
const char* Name(BinaryKind kind);

// ---- traits ----------------------------------------------------------------------------------

constexpr OpFacts ElementwiseFacts(size_t required_inputs, InputSet any_strides, bool in_place, bool takes_strings,
                                   bool kernels) {
  return {.required_inputs = required_inputs,
          .packed_input = kNoInput,
          .layout = LayoutNeed::kAny,
          .activations = kAllInputs,
          .any_strides = any_strides,
          .unit_last = kNoInputs,
          .in_place = in_place,
          .takes_strings = takes_strings,
          .known_by_shapes = false,
          .on_cpu = kernels,
          .on_gpu = kernels};
}

template <>
struct OpTraits<Unary> : EachElementOnce {
  static constexpr OpFacts kFacts =
      ElementwiseFacts(1, kAllInputs, /*in_place=*/true, /*takes_strings=*/false, /*kernels=*/true);
  static constexpr bool HasAlpha(UnaryKind kind) {
    return kind == UnaryKind::kLeakyRelu || kind == UnaryKind::kElu || HasBeta(kind);
  }
  static constexpr bool HasBeta(UnaryKind kind) { return kind == UnaryKind::kHardSigmoid || kind == UnaryKind::kClip; }
  static const char* Name(const Unary& op) { return decal::Name(op.kind); }
  static void Fields(auto& op, auto&& field) {
    if (HasAlpha(op.kind)) field("alpha", op.alpha);
    if (HasBeta(op.kind)) field("beta", op.beta);
  }
};

template <>
struct OpTraits<Binary> : EachElementOnce, NoFields {
  static constexpr OpFacts kFacts =
      ElementwiseFacts(2, kAllInputs, /*in_place=*/true, /*takes_strings=*/true, /*kernels=*/true);
  static const char* Name(const Binary& op) { return decal::Name(op.kind); }
};

// Where and Cast mix element types and seldom survive constant folding: the reference serves.
template <>
struct OpTraits<Where> : EachElementOnce, NoFields {
  static constexpr OpFacts kFacts =
      ElementwiseFacts(3, kAllInputs, /*in_place=*/false, /*takes_strings=*/true, /*kernels=*/false);
  static const char* Name(const Where&) { return "Where"; }
};

template <>
struct OpTraits<Cast> : EachElementOnce {
  static constexpr OpFacts kFacts =
      ElementwiseFacts(1, kNoInputs, /*in_place=*/false, /*takes_strings=*/false, /*kernels=*/false);
  static const char* Name(const Cast&) { return "Cast"; }
  static void Fields(auto& op, auto&& field) { field("to", op.to); }
};

// ---- shape rules and references --------------------------------------------------------------

InferResult Infer(const Unary&, const InferContext&);
Status Reference(const Unary&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Binary&, const InferContext&);
Status Reference(const Binary&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Where&, const InferContext&);
Status Reference(const Where&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Cast&, const InferContext&);
Status Reference(const Cast&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

}  // namespace decal
