// Greedy-by-size placement of buffers with lifetimes.
// SPDX-License-Identifier: MIT
#include "engine/base/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "engine/base/rounding.h"

namespace decal {
namespace {

class Placer {
 public:
  Placer(std::span<const BufferLifetime> buffers, const ArenaRules& rules) : buffers_(buffers), rules_(rules) {
    plan_.offsets.assign(buffers.size(), 0);
    plan_.page_of.assign(buffers.size(), 0);
  }

  ArenaPlan Run() && {
    plan_.lower_bound_bytes = MostAliveBytes();
    std::vector<size_t> order(buffers_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return buffers_[a].bytes != buffers_[b].bytes ? buffers_[a].bytes > buffers_[b].bytes : a < b;
    });
    for (const size_t i : order) Place(i);
    for (const size_t page : plan_.pages) plan_.arena_bytes += page;
    return std::move(plan_);
  }

 private:
  // A place on one page: a gap between the buffers alive at the same time, or after the last one.
  struct Candidate {
    size_t offset = 0;
    size_t gap = SIZE_MAX;  // SIZE_MAX: not a gap
  };

  size_t Aligned(size_t bytes) const { return RoundUp(bytes, rules_.alignment); }

  size_t MostAliveBytes() const {
    int32_t steps = 0;
    for (const BufferLifetime& b : buffers_) steps = std::max(steps, b.last + 1);
    std::vector<int64_t> change(static_cast<size_t>(steps) + 1, 0);
    for (const BufferLifetime& b : buffers_) {
      change[static_cast<size_t>(b.first)] += static_cast<int64_t>(Aligned(b.bytes));
      change[static_cast<size_t>(b.last) + 1] -= static_cast<int64_t>(Aligned(b.bytes));
    }
    int64_t alive = 0, most = 0;
    for (const int64_t c : change) most = std::max(most, alive += c);
    return static_cast<size_t>(most);
  }

  Candidate FindOn(size_t page, size_t i) const {
    const size_t need = Aligned(buffers_[i].bytes);
    Candidate best;
    size_t end = 0;
    for (const size_t p : placed_[page]) {
      if (buffers_[p].last < buffers_[i].first || buffers_[p].first > buffers_[i].last) continue;
      if (plan_.offsets[p] >= end + need && plan_.offsets[p] - end < best.gap) best = {end, plan_.offsets[p] - end};
      end = std::max(end, plan_.offsets[p] + Aligned(buffers_[p].bytes));
    }
    return best.gap == SIZE_MAX ? Candidate{end} : best;
  }

  void Place(size_t i) {
    const size_t need = Aligned(buffers_[i].bytes);
    size_t chosen = plan_.pages.size(), least_growth = SIZE_MAX;
    Candidate at;
    for (size_t page = 0; page < plan_.pages.size(); ++page) {
      const Candidate candidate = FindOn(page, i);
      const size_t end = candidate.offset + need;
      if (end > std::max(rules_.page_bytes, plan_.pages[page])) continue;
      const size_t growth = end - std::min(end, plan_.pages[page]);
      const bool better = growth != least_growth ? growth < least_growth : candidate.gap < at.gap;
      if (!better) continue;
      chosen = page;
      least_growth = growth;
      at = candidate;
    }
    if (chosen == plan_.pages.size()) {
      plan_.pages.push_back(0);
      placed_.emplace_back();
      at = {};
    }
    plan_.page_of[i] = chosen;
    plan_.offsets[i] = at.offset;
    plan_.pages[chosen] = std::max(plan_.pages[chosen], at.offset + need);
    std::vector<size_t>& placed = placed_[chosen];
    const auto behind = std::upper_bound(placed.begin(), placed.end(), i,
                                         [&](size_t a, size_t b) { return plan_.offsets[a] < plan_.offsets[b]; });
    placed.insert(behind, i);
  }

  std::span<const BufferLifetime> buffers_;
  ArenaRules rules_;
  ArenaPlan plan_;
  std::vector<std::vector<size_t>> placed_;  // per page, by offset
};

}  // namespace

ArenaPlan PlanArena(std::span<const BufferLifetime> buffers, const ArenaRules& rules) {
  return Placer(buffers, rules).Run();
}

}  // namespace decal
