// Resampling of spatial dimensions.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ops/op_traits.h"

namespace decal {

enum class ResizeMode : uint8_t { kNearest, kLinear, kCubic };
enum class ResizeCoordinates : uint8_t {
  kHalfPixel,
  kPytorchHalfPixel,
  kAlignCorners,
  kAsymmetric,
  kHalfPixelSymmetric,
  kTfCropAndResize,
};
enum class ResizeAspect : uint8_t { kStretch, kNotLarger, kNotSmaller };
enum class ResizeNearest : uint8_t { kRoundPreferFloor, kRoundPreferCeil, kFloor, kCeil };

// inputs: x, scales (f32) or absent, sizes (i64) or absent, roi (f32; starts, then ends) for kTfCropAndResize only.
// Upsample becomes Resize. Exactly one of scales and sizes is present.
struct Resize {
  ResizeMode mode = ResizeMode::kNearest;
  ResizeCoordinates coordinates = ResizeCoordinates::kHalfPixel;
  ResizeNearest nearest = ResizeNearest::kRoundPreferFloor;
  float cubic_a = -0.75f;
  bool exclude_outside = false;
  bool antialias = false;       // wider filters where the picture shrinks
  Dims axes;                    // those that scales, sizes and roi speak of; empty: all
  ResizeAspect aspect = ResizeAspect::kStretch;  // how sizes are met
  float extrapolation = 0;      // outside of the roi
};

inline constexpr OpFacts kResizeFacts{.required_inputs = 1,
                                      .packed_input = kNoInput,
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
struct OpTraits<Resize> : EachElementOnce {
  static constexpr OpFacts kFacts = kResizeFacts;
  static const char* Name(const Resize&) { return "Resize"; }
  static void Fields(auto& op, auto&& field) {
    field("mode", op.mode);
    field("coordinates", op.coordinates);
    field("nearest", op.nearest);
    field("cubic_a", op.cubic_a);
    field("exclude_outside", op.exclude_outside);
    field("antialias", op.antialias);
    field("axes", op.axes);
    field("aspect", op.aspect);
    field("extrapolation", op.extrapolation);
  }
};

InferResult Infer(const Resize&, const InferContext&);
Status Reference(const Resize&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

}  // namespace decal
