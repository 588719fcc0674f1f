// Offsets in one arena for buffers with known lifetimes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace decal {

// Alive from step `first` to step `last`, both included.
struct BufferLifetime {
  size_t bytes = 0;
  int32_t first = 0;
  int32_t last = 0;
};

struct ArenaPlan {
  std::vector<size_t> offsets;   // one per buffer, kAlignment-aligned
  size_t arena_bytes = 0;
  size_t lower_bound_bytes = 0;  // the most (aligned) bytes alive at one step
};

// Greedy by size: largest first, each into the smallest gap that fits among the buffers alive with it
// (Pisarchyk and Lee 2020, "greedy by size").
ArenaPlan PlanArena(std::span<const BufferLifetime> buffers);

}  // namespace decal
