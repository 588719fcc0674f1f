// The facts about an operator that the engine needs besides its shape rule, reference and kernels.
//
// There are no defaults: an operator of the variant (ir/op.h) without traits does not compile, nor do traits that leave
// a fact out.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "engine/ops/shape_rule.h"

namespace decal {

// Each specialisation is in its family's header and has, for operator T:
//   static constexpr OpFacts kFacts;
//   static const char* Name(const T&);                       the ONNX spelling if there is one
//   static void Fields(auto& op, auto&& field);              field("axis", op.axis) for each attribute
//   static Work WorkOf(const T&, std::span<const InferInput>);
// and, where T has an epilogue:
//   static constexpr EpilogueSlots kEpilogue;
template <class T>
struct OpTraits;

// Which memory layout an operator wants for its tensors of rank 3 and more.
enum class LayoutNeed : uint8_t {
  kChannelsLast,  // inputs that are activations, and outputs
  kRowMajor,  // its kernel walks row-major memory
  kAny,  // works on any strides: follows its inputs
};

// Some of an operator's inputs, by position. Positions from 7 on are in no set but kAllInputs.
struct InputSet {
  uint8_t bits;
  constexpr bool contains(size_t i) const { return (bits >> std::min<size_t>(i, 7) & 1) != 0; }
};
inline constexpr InputSet kNoInputs{0}, kAllInputs{0xFF};
constexpr InputSet OnlyInputs(auto... positions) { return {static_cast<uint8_t>(((1u << positions) | ...))}; }

// A member that an initialiser may not leave out.
template <class T>
struct Stated {
  T value;
  constexpr Stated(T v) : value(v) {}
  constexpr operator T() const { return value; }
  constexpr const T* operator->() const { return &value; }
};

inline constexpr uint8_t kNoInput = UINT8_MAX;

struct OpFacts {
  // How many leading inputs must be there for passes and shape rules to look at them. Those that are optional in between
  // are checked by the shape rule.
  Stated<uint8_t> required_inputs;
  // The weight that kernels pack; it is not read afterwards. Or kNoInput.
  Stated<uint8_t> packed_input;
  Stated<LayoutNeed> layout;
  // Activations rather than weights, bounds or shapes: they follow the layout. So does an epilogue's residual.
  Stated<InputSet> activations;
  // Inputs that the kernels of both backends read with any strides...
  Stated<InputSet> any_strides;
  // ... and with any strides as long as the last dimension is contiguous.
  Stated<InputSet> unit_last;
  // Its kernels may write over an input of the output's shape and strides.
  Stated<bool> in_place;
  // It moves elements or compares them for equality: all that is defined on strings.
  Stated<bool> takes_strings;
  // The result depends only on the shapes of the inputs.
  Stated<bool> known_by_shapes;
  // Whether there is a MakeCpuKernel, a MakeGpuKernel. Without them, the CPU runs the reference, and plans for a GPU are refused.
  Stated<bool> on_cpu, on_gpu;
};

// Of a convolution or matrix product: the place of its bias, how many inputs come before those of its epilogue, and which
// dimension of the output has the channels: the last one, or 1.
struct EpilogueSlots {
  Stated<size_t> bias, own_inputs;
  Stated<bool> channels_last_dimension;
};

// ---- work ------------------------------------------------------------------------------------

// What the reference does beside reading every input once, in elements: for each output element, and for each element
// of the first input.
struct Work {
  double per_output = 1;
  double per_input = 0;
};

// As floating point: shapes whose product does not fit 64 bits have not been refused yet.
inline double ElementCount(const Dims& shape) {
  double n = 1;
  for (int64_t extent : shape) n *= static_cast<double>(extent);
  return n;
}

// Elements of a tensor for one index of a dimension; 1 if it has no such dimension.
inline double PerIndex(const Shape& shape, size_t dimension) {
  if (dimension >= shape.rank()) return 1;
  return ElementCount(shape) / std::max<double>(1, static_cast<double>(shape[dimension]));
}

// ---- bases of traits -------------------------------------------------------------------------

// Inputs are read and outputs written once.
struct EachElementOnce {
  static Work WorkOf(const auto&, std::span<const InferInput>) { return {}; }
};

// No attributes, or none but those that the name tells.
struct NoFields {
  static void Fields(auto&, auto&&) {}
};

}  // namespace decal
