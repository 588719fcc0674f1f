// Normalisations and softmax.
// SPDX-License-Identifier: MIT
#pragma once

#include <limits>

#include "engine/ops/op_traits.h"

namespace decal {

// inputs: x, scale, bias, mean, var; each [C]. In training the batch's own moments are used, and two more outputs are
// the running mean and variance: old * momentum + batch * (1 - momentum).
struct BatchNorm {
  float epsilon = 1e-5f;
  float momentum = 0.9f;
  bool training = false;
};

// inputs: x, scale, bias; each [C]. Ulyanov 2016. Set by fusion: channels outside [first, end) are only scaled and
// shifted, as in instance-batch normalisation (Pan 2018), and the result is limited to [low, high].
struct InstanceNorm {
  float epsilon = 1e-5f;
  int64_t first = 0;
  int64_t end = std::numeric_limits<int64_t>::max();
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();

  bool normalizes(int64_t channel) const { return channel >= first && channel < end; }
};

// inputs: x, scale, bias or absent; over [axis, rank). Two more outputs, where wanted: mean and 1 / deviation.
struct LayerNorm {
  int64_t axis = -1;
  float epsilon = 1e-5f;
};

struct Softmax {
  int64_t axis = -1;
  bool log = false;
  bool flatten = false;  // opset < 13: over all of [axis, rank) at once
};

// ---- traits ----------------------------------------------------------------------------------

constexpr OpFacts NormFacts(size_t required_inputs, LayoutNeed layout, bool in_place) {
  return {.required_inputs = required_inputs,
          .packed_input = kNoInput,
          .layout = layout,
          .activations = OnlyInputs(0),
          .any_strides = kNoInputs,
          .unit_last = kNoInputs,
          .in_place = in_place,
          .takes_strings = false,
          .known_by_shapes = false,
          .on_cpu = true,
          .on_gpu = true};
}

template <>
struct OpTraits<BatchNorm> : EachElementOnce {
  static constexpr OpFacts kFacts = NormFacts(5, LayoutNeed::kChannelsLast, /*in_place=*/true);
  static const char* Name(const BatchNorm&) { return "BatchNormalization"; }
  static void Fields(auto& op, auto&& field) {
    field("epsilon", op.epsilon);
    field("momentum", op.momentum);
    field("training", op.training);
  }
};

template <>
struct OpTraits<InstanceNorm> : EachElementOnce {
  static constexpr OpFacts kFacts = NormFacts(3, LayoutNeed::kChannelsLast, /*in_place=*/true);
  static const char* Name(const InstanceNorm&) { return "InstanceNormalization"; }
  static void Fields(auto& op, auto&& field) {
    field("epsilon", op.epsilon);
    if (op.first > 0) field("first", op.first);
    if (op.end < std::numeric_limits<int64_t>::max()) field("end", op.end);
    if (op.low > -std::numeric_limits<float>::infinity()) field("low", op.low);
    if (op.high < std::numeric_limits<float>::infinity()) field("high", op.high);
  }
};

template <>
struct OpTraits<LayerNorm> : EachElementOnce {
  static constexpr OpFacts kFacts = NormFacts(1, LayoutNeed::kRowMajor, /*in_place=*/false);
  static const char* Name(const LayerNorm&) { return "LayerNormalization"; }
  static void Fields(auto& op, auto&& field) {
    field("axis", op.axis);
    field("epsilon", op.epsilon);
  }
};

// Its kernel gathers where the axis is not contiguous, which costs less than changing the layout twice.
template <>
struct OpTraits<Softmax> : EachElementOnce {
  static constexpr OpFacts kFacts = NormFacts(1, LayoutNeed::kAny, /*in_place=*/false);
  static const char* Name(const Softmax& op) { return op.log ? "LogSoftmax" : "Softmax"; }
  static void Fields(auto& op, auto&& field) {
    field("axis", op.axis);
    field("flatten", op.flatten);
  }
};

// ---- shape rules and references --------------------------------------------------------------

InferResult Infer(const BatchNorm&, const InferContext&);
Status Reference(const BatchNorm&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const InstanceNorm&, const InferContext&);
Status Reference(const InstanceNorm&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const LayerNorm&, const InferContext&);
Status Reference(const LayerNorm&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const Softmax&, const InferContext&);
Status Reference(const Softmax&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

}  // namespace decal
