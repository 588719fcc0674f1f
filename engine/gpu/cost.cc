// What a dispatch costs beside its instructions: idle lanes, idle processors, too little to switch to, starting workgroups.
// SPDX-License-Identifier: MIT
#include "engine/gpu/cost.h"

#include <algorithm>

#include "engine/base/rounding.h"

namespace decal::gpu {
namespace {

// Lanes that run in step where the device does not say: the most common number.
constexpr int64_t kSubgroup = 32;
// Fewer workgroups leave processors idle. WebGPU does not tell their number: 4 to 12 in phones and laptops, over 100 in the largest.
constexpr double kProcessors = 64;
// Lanes that a processor runs at once: 64 to 128 in most.
constexpr double kLanes = 128;
// Workgroup memory that a processor has at least, and the invocations it should hold so that some run while others wait for memory.
constexpr int64_t kProcessorBytes = 32 << 10, kResident = 256;
// Values that an invocation keeps in registers without a processor holding fewer invocations, or a compiler spilling.
constexpr int64_t kRegisters = 128;
// What starting a workgroup takes, in instructions of one lane.
constexpr double kStart = 512;

}  // namespace

double DispatchCost(const GpuLimits& limits, const DispatchShape& shape, double of_invocation) {
  // Compilers may choose the widest.
  const int64_t subgroup = limits.most_subgroup > 0 ? limits.most_subgroup : kSubgroup;
  const double lanes = static_cast<double>(RoundUp(shape.invocations, subgroup));
  const double of_processor = std::max(1.0, static_cast<double>(shape.groups) / kProcessors);  // workgroups
  const int64_t held =
      std::max<int64_t>(kProcessorBytes, limits.workgroup_bytes) / std::max<int64_t>(1, shape.workgroup_bytes);
  const double resident = static_cast<double>(shape.invocations * std::max<int64_t>(1, held));
  const double waiting = std::max(1.0, static_cast<double>(kResident) / resident);
  const double spilling = std::max(1.0, static_cast<double>(shape.registers) / static_cast<double>(kRegisters));
  return kProcessors *
         (std::max(of_processor * lanes, kLanes) * of_invocation * waiting * spilling + of_processor * kStart);
}

}  // namespace decal::gpu
