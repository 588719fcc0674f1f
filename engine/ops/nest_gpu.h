// The WebGPU kernel of everything elementwise: one function of up to three operands over any strides.
#pragma once

#include <span>
#include <string_view>

#include "engine/ops/gpu.h"

namespace decal {

// `inputs` (1 to 3) have the shape of `out`, with strides of 0 where they broadcast (see Broadcast). `combine` is WGSL that
// defines fn combine(a: vec4f, b: vec4f, c: vec4f) -> vec4f; operands that are not there are 0.
Status AddElementwise(gpu::PlanBuilder& builder, std::string_view label, std::string_view combine,
                      std::span<const gpu::Tensor> inputs, const gpu::Tensor& out);

// `tensor` stretched to `shape` by strides of 0.
gpu::Tensor Broadcast(gpu::Tensor tensor, const Shape& shape);

}  // namespace decal
