// What an operator family needs to write its WebGPU kernels.
//
// A family declares, for each operator struct T whose traits say `on_gpu`:
//   Status MakeGpuKernel(const T&, const GpuRequest&);
// which adds dispatches to request.builder, or fails with kUnsupportedOperator for a case that it does not know.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/tensor.h"
#include "engine/gpu/plan_builder.h"
#include "engine/ops/elementwise/unary.h"

namespace decal {

// One operand: its place, except for constants, which get one when a kernel asks for it (see At).
struct GpuOperand {
  bool present = false;
  DType dtype = DType::kFloat32;
  gpu::Tensor tensor;
  ConstantPtr constant;
};

struct GpuRequest {
  std::span<const GpuOperand> inputs;
  std::span<const GpuOperand> outputs;
  gpu::PlanBuilder& builder;

  bool has(size_t i) const { return i < inputs.size() && inputs[i].present; }
  bool is_constant(size_t i) const { return has(i) && inputs[i].constant != nullptr; }
  // Input i as a tensor on the device; constants are uploaded as they are.
  gpu::Tensor At(size_t i) const;
  const gpu::Tensor& out(size_t i = 0) const { return outputs[i].tensor; }
};

// ---- weights ---------------------------------------------------------------------------------

// The elements of a constant as floats, whatever they are stored as; it must still have its memory.
std::vector<float> FloatsOf(const ConstantTensor& constant);

// Numbers for the device, in its storage type.
void StoreFloats(gpu::Storage storage, std::span<const float> values, std::byte* to);

// A weight in a layout of the kernel's own: `arrange` fills `elements` floats (zeros before) from the constant's.
// `format` tells the layouts of one constant apart (see PackingId). The result is a dense vector.
gpu::Tensor PackedWeight(const GpuRequest& request, const ConstantPtr& constant, uint64_t format, int64_t elements,
                         std::function<void(std::span<const float> source, std::span<float> packed)> arrange);

// Words that a kernel reads as i32, for tables: `owner` and `format` identify them.
gpu::Tensor IntegerTable(const GpuRequest& request, const void* owner, uint64_t format, std::vector<int32_t> values);
// Likewise f32, whatever the storage type of weights.
gpu::Tensor FloatTable(const GpuRequest& request, const void* owner, uint64_t format, std::vector<float> values);

// ---- shared pieces ---------------------------------------------------------------------------

// A gpu::Tensor seen as a view without data, for the rules that families share with their CPU kernels.
TensorView ViewOf(const GpuOperand& operand);

// WGSL for `fn activate(v: vec4f) -> vec4f`; the identity without an activation.
std::string ActivationWgsl(const std::optional<Unary>& activation);

// A copy of every element: `from` and `to` have the same shape.
Status AddStridedCopy(gpu::PlanBuilder& builder, const gpu::Tensor& from, const gpu::Tensor& to);

}  // namespace decal
