// Pooling over windows and over whole maps.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ops/op_traits.h"
#include "engine/ops/window.h"

namespace decal {

enum class PoolKind : uint8_t { kMax, kAverage };

struct Pool {
  PoolKind kind;
  Window window;
  bool ceil_mode = false;
  bool count_include_pad = false;
  bool columns_first = false;  // of the indices that a second output of kMax holds: offsets in x, [.., W, H] order
};

// Mean or maximum over all spatial dimensions, kept with size 1.
struct GlobalPool {
  PoolKind kind;
};

// ---- traits ----------------------------------------------------------------------------------

inline constexpr OpFacts kPoolFacts{.required_inputs = 1,
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
struct OpTraits<Pool> {
  static constexpr OpFacts kFacts = kPoolFacts;
  static Work WorkOf(const Pool& op, std::span<const InferInput>) {
    return {.per_output = ElementCount(op.window.kernel)};
  }
  static const char* Name(const Pool& op) { return op.kind == PoolKind::kMax ? "MaxPool" : "AveragePool"; }
  static void Fields(auto& op, auto&& field) {
    WindowFields(op.window, field);
    field("ceil_mode", op.ceil_mode);
    field("count_include_pad", op.count_include_pad);
    field("columns_first", op.columns_first);
  }
};

template <>
struct OpTraits<GlobalPool> : EachElementOnce, NoFields {
  static constexpr OpFacts kFacts = kPoolFacts;
  static const char* Name(const GlobalPool& op) {
    return op.kind == PoolKind::kMax ? "GlobalMaxPool" : "GlobalAveragePool";
  }
};

// ---- shape rules and references --------------------------------------------------------------

InferResult Infer(const Pool&, const InferContext&);
Status Reference(const Pool&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

InferResult Infer(const GlobalPool&, const InferContext&);
Status Reference(const GlobalPool&, std::span<const TensorView> in, std::span<const MutableTensorView> out);

}  // namespace decal
