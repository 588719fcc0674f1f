// Random lifetimes through the arena planner: nothing that is alive together overlaps, and offsets are aligned.
// SPDX-License-Identifier: MIT
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "engine/base/buffer.h"
#include "engine/base/memory_plan.h"

namespace {

void Require(bool condition, const char* what, size_t i, size_t j) {
  if (condition) return;
  std::fprintf(stderr, "%s: buffers %zu and %zu\n", what, i, j);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider provider(data, size);
  std::vector<decal::BufferLifetime> buffers;
  while (provider.remaining_bytes() > 0 && buffers.size() < 512) {
    decal::BufferLifetime& b = buffers.emplace_back();
    // From a byte to a quarter of the address space of wasm32.
    b.bytes = 1 + (size_t{provider.ConsumeIntegral<uint16_t>()} << provider.ConsumeIntegralInRange(0, 14));
    b.first = provider.ConsumeIntegral<uint8_t>();
    b.last = b.first + provider.ConsumeIntegral<uint8_t>();
  }
  const decal::ArenaPlan plan = decal::PlanArena(buffers);
  Require(plan.offsets.size() == buffers.size(), "offsets missing", plan.offsets.size(), buffers.size());
  Require(plan.arena_bytes >= plan.lower_bound_bytes, "smaller than the lower bound", 0, 0);
  size_t end = 0;
  for (size_t i = 0; i < buffers.size(); ++i) {
    const auto& a = buffers[i];
    Require(plan.offsets[i] % decal::kAlignment == 0, "not aligned", i, i);
    Require(plan.offsets[i] + a.bytes <= plan.arena_bytes, "outside of the arena", i, i);
    end = std::max(end, plan.offsets[i] + decal::AlignUp(a.bytes));
    for (size_t j = 0; j < i; ++j) {
      const auto& b = buffers[j];
      const bool together = a.first <= b.last && b.first <= a.last;
      const bool overlap = plan.offsets[i] < plan.offsets[j] + b.bytes && plan.offsets[j] < plan.offsets[i] + a.bytes;
      Require(!together || !overlap, "overlap while both are alive", i, j);
    }
  }
  Require(plan.arena_bytes == end, "larger than what it holds", 0, 0);
  return 0;
}
