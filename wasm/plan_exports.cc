// The C interface, last part: plans for WebGPU, in a module of their own.
// SPDX-License-Identifier: MIT
#include <cstdint>

#include "border/exports.h"
#include "decal/gpu.h"
#include "wasm/handles.h"

using namespace decal;  // NOLINT: the exports are the outside of that namespace

void* decal_gpu_plan_new(void* session, int32_t height, int32_t width, const border::DeviceLimits* limits, int32_t half,
                         int32_t choices, uint32_t variant) {
  const GpuLimits device{.workgroup_invocations = static_cast<uint32_t>(limits->workgroup_invocations),
                         .workgroup_bytes = static_cast<uint32_t>(limits->workgroup_bytes),
                         .least_subgroup = static_cast<uint32_t>(limits->least_subgroup),
                         .most_subgroup = static_cast<uint32_t>(limits->most_subgroup),
                         .workgroups = static_cast<uint32_t>(limits->workgroups_per_dimension),
                         .offset_alignment = static_cast<uint32_t>(limits->offset_alignment),
                         .binding_bytes = static_cast<uint64_t>(limits->binding_bytes),
                         .buffer_bytes = static_cast<uint64_t>(limits->buffer_bytes)};
  return MakeHandle(static_cast<Session*>(session)->PlanGpu(
      height, width, device, {.half_storage = half != 0, .choices = choices != 0, .variant = variant}));
}

void decal_gpu_plan_free(void* plan) { delete static_cast<GpuPlan*>(plan); }

const char* decal_gpu_plan_json(void* plan) {
  json_result = ToJson(*static_cast<const GpuPlan*>(plan));
  return json_result.c_str();
}

const uint8_t* decal_gpu_plan_uniforms(void* plan) {
  return reinterpret_cast<const uint8_t*>(static_cast<const GpuPlan*>(plan)->uniforms.data());
}

void decal_gpu_plan_fill(void* plan, uint32_t index, uint8_t* out) {
  static_cast<const GpuPlan*>(plan)->uploads[index].fill(reinterpret_cast<std::byte*>(out));
}
