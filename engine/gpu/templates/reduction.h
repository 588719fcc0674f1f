// The WebGPU kernel of everything that joins elements along dimensions: reductions, pooling of whole maps, norms, softmax.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "engine/ops/axis_group.h"
#include "engine/gpu/request.h"

namespace decal {

// What is joined, in WGSL (reduction.wgsl tells what its functions are given). A State is `parts` vec4f; `stages` walks over
// the run can each use the states of those before.
struct Reduction {
  std::string_view label;
  int64_t parts = 1, stages = 1;
  std::string basis;  // fn start(stage: i32) -> State, fn join(a: State, b: State, stage: i32) -> State
  std::string take;  // fn take(s: State, stage: i32, at: vec4i, n: i32) -> State
  std::string result;  // fn emit(item: i32, split: i32, at: vec4i, n: i32); fn store(at: vec4i, n: i32) if `every`
  bool every = false;  // a result for each element rather than each item
  bool run_vectors =
      false;  // `take` may be given four neighbours of one run, of which it masks those that do not exist
  bool splits = false;  // long runs may be shared by workgroups; of one stage only
  std::function<void(gpu::Kernel&)> adjust;  // adds parameters
};

// All tensors have x's shape, with strides of 0 along what they do not vary with.
struct ReductionOperands {
  gpu::Tensor x, y;
  std::optional<gpu::Tensor> scale, bias;  // scale_of(at, n), bias_of(at, n) in WGSL; 0 where absent
  std::optional<gpu::Tensor> z;  // a second output, with the strides of y
};

// Joins along the dimensions in `run`; x must not be empty.
Status AddReduction(gpu::PlanBuilder& builder, const Reduction& reduction, const ReductionOperands& operands,
                    const AxisSet& run);

// Sum, extreme or product, lane by lane: what Reduce and GlobalPool are made of. `each` is an expression of v, `joined` of a
// and b, `last` of v again, `start` what joining begins with.
struct Fold {
  std::string each = "v", joined = "a + b", last = "v";
  float start = 0;
  float factor = 1;  // u.factor in `last`
};
Reduction FoldReduction(std::string_view label, const Fold& fold);

// carried[0][0] is the largest element, carried[1][0] the sum of exp(v - largest); without a result.
Reduction SumOfExponentials(std::string_view label);

}  // namespace decal
