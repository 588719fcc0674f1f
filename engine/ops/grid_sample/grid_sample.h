// Sampling at positions that a tensor gives (Jaderberg 2015, spatial transformers).
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ops/op_traits.h"
#include "engine/ops/resize/resize.h"

namespace decal {

enum class GridPadding : uint8_t { kZeros, kBorder, kReflection };

// inputs: x [N,C,H,W] or [N,C,D,H,W], grid [N,..,2 or 3]: positions from -1 to 1 in the order x, y(, z).
struct GridSample {
  ResizeMode mode = ResizeMode::kLinear;
  GridPadding padding = GridPadding::kZeros;
  bool align_corners = false;
};

inline constexpr OpFacts kGridSampleFacts{.required_inputs = 1,
                                          .packed_input = kNoInput,
                                          .layout = LayoutNeed::kRowMajor,
                                          .activations = OnlyInputs(0),
                                          .any_strides = kNoInputs,
                                          .unit_last = kNoInputs,
                                          .in_place = false,
                                          .takes_strings = false,
                                          .known_by_shapes = false,
                                          .on_cpu = false,
                                          .on_gpu = true};

template <>
struct OpTraits<GridSample> : EachElementOnce {
  static constexpr OpFacts kFacts = kGridSampleFacts;
  static const char* Name(const GridSample&) { return "GridSample"; }
  static void Fields(auto& op, auto&& field) {
    field("mode", op.mode);
    field("padding", op.padding);
    field("align_corners", op.align_corners);
  }
};

InferResult Infer(const GridSample&, const InferContext&);
Status Reference(const GridSample&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

}  // namespace decal
