// Offsets in one arena, or in pages of limited size, for buffers with known lifetimes.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/buffer.h"

namespace decal {

// Alive from step `first` to step `last`, both included.
struct BufferLifetime {
  size_t bytes = 0;
  int32_t first = 0;
  int32_t last = 0;
};

struct ArenaPlan {
  std::vector<size_t> offsets;   // one per buffer, aligned, from the start of its page
  std::vector<size_t> page_of;   // one per buffer
  std::vector<size_t> pages;     // bytes of each; one page at most unless their size is limited
  size_t arena_bytes = 0;        // of all pages
  size_t lower_bound_bytes = 0;  // the most (aligned) bytes alive at one step
};

// What the memory demands of a plan. A page is at most `page_bytes`, except for one that holds a single larger buffer.
struct ArenaRules {
  size_t alignment = kAlignment;  // a power of two
  size_t page_bytes = SIZE_MAX;
};

// Greedy by size: largest first, each into the smallest gap that fits among the buffers alive with it
// (Pisarchyk and Lee 2020, "greedy by size"), else where the pages grow least.
ArenaPlan PlanArena(std::span<const BufferLifetime> buffers, const ArenaRules& rules = {});

}  // namespace decal
