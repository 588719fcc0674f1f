// Attention over tokens and the windows it works in.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ops/op_traits.h"

namespace decal {

// Passes make these operators; no file has them.

// softmax(scale * q k' + biases) v for every batch element and head; the scores never exist whole (Vaswani 2017).
// inputs: q [B,M,H,D], k [B,N,H,D], v [B,N,H,E], then `biases` tensors (0 to 2) [P,G,M,N] with P dividing B (element b
// reads b mod P) and G 1 or H. output: [B,M,H,E].
struct Attention {
  float scale = 1;
  int64_t biases = 0;
};

// Cuts x [N,H,W,C] into windows [N * nh * nw, window_h * window_w, C] after completing the last windows with zeros,
// bottom and right, to Hp x Wp, and rolling: pixel (y, x) is ((y + shift_y) mod Hp, (x + shift_x) mod Wp) of the
// completed map (Liu 2021, Swin).
struct WindowPartition {
  int64_t window_h = 1, window_w = 1, shift_y = 0, shift_x = 0;
};

// The inverse: windows back to [N,height,width,C], so that merging what was partitioned gives x.
struct WindowMerge {
  int64_t window_h = 1, window_w = 1, shift_y = 0, shift_x = 0, height = 0, width = 0;
};

// ---- traits ----------------------------------------------------------------------------------

template <>
struct OpTraits<Attention> {
  static constexpr OpFacts kFacts = {.required_inputs = 3,
                                     .packed_input = kNoInput,
                                     .layout = LayoutNeed::kRowMajor,
                                     .activations = OnlyInputs(0),
                                     .any_strides = kNoInputs,
                                     .unit_last = OnlyInputs(0, 1, 2),
                                     .in_place = false,
                                     .takes_strings = false,
                                     .known_by_shapes = false,
                                     .on_cpu = true,
                                     .on_gpu = true};
  // Scores and weighted sums: N MACs for each element of q and of the output.
  static Work WorkOf(const Attention&, std::span<const InferInput> inputs) {
    const double keys = static_cast<double>(inputs[1].shape[1]);
    return {.per_output = 1 + keys, .per_input = keys};
  }
  static const char* Name(const Attention&) { return "Attention"; }
  static void Fields(auto& op, auto&& field) {
    field("scale", op.scale);
    field("biases", op.biases);
  }
};

inline constexpr OpFacts kWindowFacts{.required_inputs = 1,
                                      .packed_input = kNoInput,
                                      .layout = LayoutNeed::kRowMajor,
                                      .activations = OnlyInputs(0),
                                      .any_strides = kNoInputs,
                                      .unit_last = kAllInputs,
                                      .in_place = false,
                                      .takes_strings = false,
                                      .known_by_shapes = false,
                                      .on_cpu = true,
                                      .on_gpu = true};

template <>
struct OpTraits<WindowPartition> : EachElementOnce {
  static constexpr OpFacts kFacts = kWindowFacts;
  static const char* Name(const WindowPartition&) { return "WindowPartition"; }
  static void Fields(auto& op, auto&& field) {
    field("window_h", op.window_h);
    field("window_w", op.window_w);
    field("shift_y", op.shift_y);
    field("shift_x", op.shift_x);
  }
};

template <>
struct OpTraits<WindowMerge> : EachElementOnce {
  static constexpr OpFacts kFacts = kWindowFacts;
  static const char* Name(const WindowMerge&) { return "WindowMerge"; }
  static void Fields(auto& op, auto&& field) {
    field("window_h", op.window_h);
    field("window_w", op.window_w);
    field("shift_y", op.shift_y);
    field("shift_x", op.shift_x);
    field("height", op.height);
    field("width", op.width);
  }
};

// ---- shape rules and references --------------------------------------------------------------

InferResult Infer(const Attention&, const InferContext&);
Status Reference(const Attention&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const WindowPartition&, const InferContext&);
Status Reference(const WindowPartition&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const WindowMerge&, const InferContext&);
Status Reference(const WindowMerge&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

}  // namespace decal
