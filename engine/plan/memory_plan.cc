// Greedy-by-size placement of buffers with lifetimes.
#include "engine/plan/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "engine/base/buffer.h"

namespace decal {
namespace {

size_t MostAliveBytes(std::span<const BufferLifetime> buffers) {
  int32_t steps = 0;
  for (const BufferLifetime& b : buffers) steps = std::max(steps, b.last + 1);
  std::vector<int64_t> change(static_cast<size_t>(steps) + 1, 0);
  for (const BufferLifetime& b : buffers) {
    change[static_cast<size_t>(b.first)] += static_cast<int64_t>(AlignUp(b.bytes));
    change[static_cast<size_t>(b.last) + 1] -= static_cast<int64_t>(AlignUp(b.bytes));
  }
  int64_t alive = 0, most = 0;
  for (int64_t c : change) most = std::max(most, alive += c);
  return static_cast<size_t>(most);
}

}  // namespace

ArenaPlan PlanArena(std::span<const BufferLifetime> buffers) {
  ArenaPlan plan;
  plan.offsets.assign(buffers.size(), 0);
  plan.lower_bound_bytes = MostAliveBytes(buffers);
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return buffers[a].bytes != buffers[b].bytes ? buffers[a].bytes > buffers[b].bytes : a < b;
  });
  std::vector<size_t> placed;  // by offset
  for (size_t i : order) {
    const size_t need = AlignUp(buffers[i].bytes);
    size_t best = SIZE_MAX, best_gap = SIZE_MAX, end = 0;
    for (size_t p : placed) {
      if (buffers[p].last < buffers[i].first || buffers[p].first > buffers[i].last) continue;
      if (plan.offsets[p] >= end + need && plan.offsets[p] - end < best_gap) {
        best = end;
        best_gap = plan.offsets[p] - end;
      }
      end = std::max(end, plan.offsets[p] + AlignUp(buffers[p].bytes));
    }
    plan.offsets[i] = best == SIZE_MAX ? end : best;
    plan.arena_bytes = std::max(plan.arena_bytes, plan.offsets[i] + need);
    const auto at = std::upper_bound(placed.begin(), placed.end(), i,
                                     [&](size_t a, size_t b) { return plan.offsets[a] < plan.offsets[b]; });
    placed.insert(at, i);
  }
  return plan;
}

}  // namespace decal
