// Which of several candidates a step is made of, and what is noted about it.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/gpu/cost.h"
#include "engine/gpu/plan_builder.h"

namespace decal::gpu {
namespace {

// Invocations of a workgroup for kernels that share nothing. Any device runs 64 well; larger ones are fewer to start.
constexpr int64_t kElementWorkgroups[] = {64, 128, 256};

}  // namespace

size_t PlanBuilder::Choose(std::span<const GpuCandidate> candidates) {
  size_t best = 0;
  for (size_t i = 1; i < candidates.size(); ++i)
    if (candidates[i].cost < candidates[best].cost) best = i;
  if (options_.variant > 0 && options_.variant <= candidates.size()) best = options_.variant - 1;
  if (!options_.choices || candidates.size() < 2) return best;
  std::vector<GpuCandidate>& noted = steps_.back().choice;
  // Of a step with several dispatches: one entry for all that choose alike.
  const bool alike = std::ranges::all_of(candidates, [&](const GpuCandidate& candidate) {
    return std::ranges::any_of(noted, [&](const GpuCandidate& other) { return other.name == candidate.name; });
  });
  if (!noted.empty() && !alike) return best;
  if (noted.empty()) {
    noted.assign(candidates.begin(), candidates.end());
    std::swap(noted[0], noted[best]);
    std::sort(noted.begin() + 1, noted.end(),
              [](const GpuCandidate& a, const GpuCandidate& b) { return a.cost < b.cost; });
    return best;
  }
  for (GpuCandidate& other : noted)
    for (const GpuCandidate& candidate : candidates)
      if (other.name == candidate.name) other.cost += candidate.cost;
  return best;
}

Kernel PlanBuilder::Sized(Kernel kernel) {
  if (!kernel.elements_) return kernel;
  std::vector<GpuCandidate> candidates;
  for (const int64_t size : kElementWorkgroups) {
    if (size > limits_.workgroup_invocations) continue;
    const int64_t groups = (kernel.items_ + size - 1) / size;
    candidates.push_back({"workgroups of " + std::to_string(size),
                          DispatchCost(limits_, {.groups = groups, .invocations = size}, kGathered)});
  }
  kernel.Workgroup(static_cast<uint32_t>(kElementWorkgroups[Choose(candidates)]));
  return kernel;
}

}  // namespace decal::gpu
