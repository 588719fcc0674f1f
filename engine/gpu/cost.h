// The cost model of WebGPU kernels: what candidates for a step are compared by.
//
// Costs are in scalar MACs of all invocations; other instructions count by their weight. They order candidates and predict no
// times. Weights are those of textbook GPUs, none is measured: reports from GPUs (bench/gpu-report/search_step.mjs) measure candidates
// beside what the model says of them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "decal/gpu.h"

namespace decal::gpu {

// A vector from workgroup memory, which has a quarter of the registers' bandwidth on most GPUs; of float16 half the bytes, and a conversion.
inline constexpr double kShared = 4, kSharedHalf = 3;
// One gathered from memory or written there, with its index arithmetic and, where tiles are shared, its way through workgroup memory.
inline constexpr double kGathered = 24;
// What a barrier makes an invocation wait for the others.
inline constexpr double kBarrier = 16;

// A dispatch: workgroups, and of each its invocations, its workgroup memory, and the 32-bit values that an invocation keeps.
struct DispatchShape {
  int64_t groups = 1, invocations = 64, workgroup_bytes = 0, registers = 32;
};

// The cost of a dispatch whose invocations take `of_invocation` each.
double DispatchCost(const GpuLimits& limits, const DispatchShape& shape, double of_invocation);

}  // namespace decal::gpu
