// Deformable convolution (Zhu et al., "Deformable ConvNets v2", 2018).
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ops/epilogue.h"
#include "engine/ops/op_traits.h"
#include "engine/ops/window.h"

namespace decal {

// Convolution that samples its input bilinearly at positions moved by `offset` (Dai 2017; with a mask, Zhu 2019).
// inputs: x [N,C,H,W], weight [M,C/group,kh,kw], offset [N,2*offset_group*kh*kw,oH,oW] (pairs y, x of each tap), bias
// [M] or absent, mask [N,offset_group*kh*kw,oH,oW] or absent, then the epilogue's. Samples outside the input are 0.
struct DeformConv {
  Window window;
  int64_t group = 1;
  int64_t offset_group = 1;
  Epilogue epilogue;
};

// Its inputs in their order.
enum DeformConvInput : size_t { kDeformX, kDeformWeight, kDeformOffset, kDeformBias, kDeformMask, kDeformInputs };

template <>
struct OpTraits<DeformConv> {
  static constexpr OpFacts kFacts = {.required_inputs = 3,
                                     .packed_input = kDeformWeight,
                                     .layout = LayoutNeed::kChannelsLast,
                                     .activations = OnlyInputs(kDeformX, kDeformOffset, kDeformMask),
                                     .any_strides = kNoInputs,
                                     .unit_last = kNoInputs,
                                     .in_place = false,
                                     .takes_strings = false,
                                     .known_by_shapes = false,
                                     .on_cpu = true,
                                     .on_gpu = true};
  static constexpr EpilogueSlots kEpilogue{
      .bias = kDeformBias, .own_inputs = kDeformInputs, .channels_last_dimension = false};
  static Work WorkOf(const DeformConv&, std::span<const InferInput> inputs) {
    return {.per_output = PerIndex(inputs[1].shape, 0)};
  }
  static const char* Name(const DeformConv&) { return "DeformConv"; }
  static void Fields(auto& op, auto&& field) {
    WindowFields(op.window, field);
    field("group", op.group);
    field("offset_group", op.offset_group);
    field("epilogue", op.epilogue);
  }
};

InferResult Infer(const DeformConv&, const InferContext&);
Status Reference(const DeformConv&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

}  // namespace decal
