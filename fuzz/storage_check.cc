// Each written element marks its bytes with a unique number; readers of a value must find the numbers
// that were there when the value was made. Aliases that are meant (views, concat slices, elementwise operators that
// write over an input) pass; any other overlap of living values does not.
// SPDX-License-Identifier: MIT
#include "fuzz/storage_check.h"

#include <cstdio>
#include <cstdlib>

#include "engine/base/memory_plan.h"
#include "engine/plan/storage.h"

namespace decal::fuzz {
namespace {

class Checker {
 public:
  explicit Checker(const Graph& graph) : graph_(graph), plan_(PlanStorage(graph)), snapshots_(graph.values.size()) {
    // As Schedule does it.
    std::vector<BufferLifetime> lifetimes;
    std::vector<ValueId> roots;
    for (ValueId v = 0; v < graph.values.size(); ++v) {
      if (plan_.root_bytes[v] == 0) continue;
      lifetimes.push_back({plan_.root_bytes[v], plan_.first_use[v], plan_.last_use[v]});
      roots.push_back(v);
    }
    const ArenaPlan arena = PlanArena(lifetimes);
    base_.assign(graph.values.size(), kElsewhere);
    for (size_t i = 0; i < roots.size(); ++i) base_[roots[i]] = arena.offsets[i];
    bytes_.assign(arena.arena_bytes, 0);
  }

  void Run() {
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      const Node& node = graph_.nodes[n];
      for (ValueId v : node.inputs) CheckRead(v, node.name);
      if (!plan_.elided[n])
        for (ValueId v : node.outputs) Write(v);
      for (ValueId v : node.outputs) ForEachByte(v, [&](size_t at) { snapshots_[v].push_back(bytes_[at]); });
    }
    for (ValueId v : graph_.outputs) CheckRead(v, "the caller");
  }

 private:
  static constexpr size_t kElsewhere = SIZE_MAX;  // weights and graph inputs

  template <class Fn>
  void ForEachByte(ValueId v, const Fn& fn) {
    const Placement& placement = plan_.placements[v];
    if (base_[placement.root] == kElsewhere) return;
    const Value& value = graph_.values[v];
    const size_t size = SizeOf(value.type.dtype);
    for (StridedIndex<1> e(*value.type.shape, {placement.strides}); e.valid(); e.Next()) {
      const size_t at = base_[placement.root] + static_cast<size_t>(placement.offset + e.offset(0)) * size;
      if (at > bytes_.size() || bytes_.size() - at < size) Stop(v, "lies outside of the arena");
      for (size_t i = 0; i < size; ++i) fn(at + i);
    }
  }

  void Write(ValueId v) {
    ForEachByte(v, [&](size_t at) { bytes_[at] = next_++; });
  }

  void CheckRead(ValueId v, const std::string& reader) {
    if (v == kNoValue) return;
    size_t i = 0;
    ForEachByte(v, [&](size_t at) {
      if (i >= snapshots_[v].size() || bytes_[at] != snapshots_[v][i])
        Stop(v, "was overwritten before it is read by " + reader);
      ++i;
    });
  }

  [[noreturn]] void Stop(ValueId v, const std::string& what) {
    std::fprintf(stderr, "value %u '%s' %s\n%s", v, graph_.values[v].name.c_str(), what.c_str(), Print(graph_).c_str());
    std::abort();
  }

  const Graph& graph_;
  StoragePlan plan_;
  std::vector<size_t> base_;                       // by root, in the arena
  std::vector<uint64_t> bytes_;                    // by arena byte: the number of its last write
  std::vector<std::vector<uint64_t>> snapshots_;   // by value, in the order of its bytes
  uint64_t next_ = 1;
};

}  // namespace

void CheckStorage(const Graph& graph) { Checker(graph).Run(); }

}  // namespace decal::fuzz
