// The WebGPU kernel of everything elementwise: one function of up to three operands over any strides.
// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/base/loop_nest.h"
#include "engine/gpu/request.h"

namespace decal {

// Merged loops over four operands, as many as a vector of offsets has lanes.
inline constexpr size_t kNestOperands = 4;
using GpuNest = LoopNest<kNestOperands>;

// fn NAME_at(i: i32) -> vec4i, the offsets of the operands at element i of the nest in row-major order, and the parameters
// it needs.
void AddIndex(gpu::Kernel& kernel, const std::string& name, const GpuNest& nest);

// `inputs` (1 to 3) have the shape of `out`, with strides of 0 if they broadcast (see Broadcast). `combine` is WGSL that
// defines fn combine(a: vec4f, b: vec4f, c: vec4f) -> vec4f; operands that are not there are 0.
Status AddElementwise(gpu::PlanBuilder& builder, std::string_view label, std::string_view combine,
                      std::span<const gpu::Tensor> inputs, const gpu::Tensor& out);

// `tensor` stretched to `shape` by strides of 0.
gpu::Tensor Broadcast(gpu::Tensor tensor, const Shape& shape);

}  // namespace decal
