// Decides which values share memory, in four steps: concats, views, lifetimes, in-place operators.
// SPDX-License-Identifier: MIT
#include "engine/plan/storage.h"

#include <algorithm>
#include <set>
#include <utility>

#include "engine/ops/movement/slice_spec.h"
#include "engine/ops/movement/strided_map.h"

namespace decal {
namespace {

// The operator's kernel reads this input with any strides. `unit_last`: if its last dimension is contiguous.
bool ReadsAnyStrides(const Op& op, size_t input, bool unit_last) {
  const OpFacts& facts = FactsOf(op);
  return facts.any_strides->contains(input) || (unit_last && facts.unit_last->contains(input));
}

// Values that a Concat copies although they could be written in place: (node, input).
using CopiedParts = std::set<std::pair<size_t, size_t>>;

class StoragePlanner {
 public:
  StoragePlanner(const Graph& graph, const CopiedParts& copied)
      : graph_(graph), copied_(copied), producers_(Producers(graph)), readers_(graph.values.size()),
        fixed_(graph.values.size(), false) {
    const size_t n = graph.values.size();
    for (const Node& node : graph.nodes)
      for (size_t i = 0; i < node.inputs.size(); ++i)
        if (node.inputs[i] != kNoValue) readers_[node.inputs[i]].emplace_back(&node.op, i);
    plan_.placements.resize(n);
    plan_.root_bytes.assign(n, 0);
    plan_.first_use.assign(n, -1);
    plan_.last_use.assign(n, -1);
    plan_.elided.assign(graph.nodes.size(), false);
    for (ValueId v = 0; v < n; ++v) {
      if (!graph.values[v].type.is_static()) continue;  // left over from an earlier stage, unused
      plan_.placements[v] = {v, 0, DenseStrides(*graph.values[v].type.shape, graph.values[v].layout)};
    }
    // Memory that this plan does not place: weights, the caller's inputs, and the results for the caller.
    for (ValueId v = 0; v < n; ++v) fixed_[v] = graph.IsConstant(v);
    for (ValueId v : graph.inputs) fixed_[v] = true;
    is_output_.assign(n, false);
    for (ValueId v : graph.outputs) is_output_[v] = true;
  }

  StoragePlan Run() && {
    PlaceConcats();
    AliasViews();
    MeasureLifetimes();
    ReuseInputs();
    return std::move(plan_);
  }

 private:
  const Shape& ShapeOfValue(ValueId v) const { return *graph_.values[v].type.shape; }
  int64_t ElementBytes(ValueId v) const { return static_cast<int64_t>(SizeOf(graph_.values[v].type.dtype)); }

  // ---- concats: from the last to the first, so that a concat of concats resolves to the outermost buffer

  void PlaceConcats() {
    for (size_t n = graph_.nodes.size(); n-- > 0;) {
      const Node& node = graph_.nodes[n];
      const auto* concat = std::get_if<Concat>(&node.op);
      if (concat == nullptr) continue;
      const ValueId out = node.outputs[0];
      Result<size_t> axis = NormalizeAxis(concat->axis, ShapeOfValue(out).rank());
      if (!axis || !PartsStandAlone(out, *axis)) continue;
      const Placement whole = plan_.placements[out];
      int64_t start = 0;
      bool all = true;
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        const ValueId v = node.inputs[i];
        const bool free = producers_[v] >= 0 && !fixed_[v] && !is_output_[v] && !copied_.contains({n, i});
        if (free) {
          plan_.placements[v] = {whole.root, whole.offset + start * whole.strides[*axis], whole.strides};
          fixed_[v] = true;  // a value can be part of one concat only; a second one copies it
        } else {
          all = false;
        }
        start += ShapeOfValue(v)[*axis];
      }
      plan_.elided[n] = all;
    }
  }

  // Every kernel can write and read a part of `v` along `axis`: channels of a channels-last map, or the outermost
  // dimension of a row-major tensor, whose parts are dense.
  bool PartsStandAlone(ValueId v, size_t axis) const {
    const Shape& shape = ShapeOfValue(v);
    if (graph_.values[v].layout == Layout::kChannelsLast) return axis == 1;
    for (size_t d = 0; d < axis; ++d)
      if (shape[d] != 1) return false;
    return true;
  }

  // ---- views: from the first to the last, because each depends on the final place of its input

  void AliasViews() {
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      const Node& node = graph_.nodes[n];
      bool all = true, any = false;
      for (size_t i = 0; i < node.outputs.size(); ++i) {
        const ValueId v = node.outputs[i];
        Placement alias;
        if (fixed_[v] || !ViewOf(node, i, alias)) {
          all = false;
          continue;
        }
        plan_.placements[v] = alias;
        any = true;
      }
      if (any && all) plan_.elided[n] = true;
    }
  }

  // The place of output `i` inside the first input's memory, if the operator only reinterprets that memory.
  bool ViewOf(const Node& node, size_t i, Placement& alias) const {
    if (node.inputs.empty() || node.inputs[0] == kNoValue) return false;
    const ValueId x = node.inputs[0], y = node.outputs[i];
    const Placement& from = plan_.placements[x];
    const Shape &in = ShapeOfValue(x), &out = ShapeOfValue(y);
    if (in.elements() == 0 || out.elements() == 0) return false;
    alias.root = from.root;
    alias.offset = from.offset;
    const Strides dense = DenseStrides(out, graph_.values[y].layout);
    if (std::holds_alternative<View>(node.op)) {
      alias.strides = dense;
      return SamePlaces(in, from.strides, DenseStrides(in, Layout::kRowMajor)) &&
             SamePlaces(out, dense, DenseStrides(out, Layout::kRowMajor));
    }
    if (std::holds_alternative<Relayout>(node.op)) {
      // Kernels of the other layout expect its canonical strides, also along dimensions of size 1.
      alias.strides = dense;
      return SamePlaces(in, from.strides, dense);
    }
    if (const auto* transpose = std::get_if<Transpose>(&node.op)) {
      Strides permuted;
      for (size_t d = 0; d < in.rank(); ++d)
        permuted.push_back(
            from.strides[transpose->perm.empty() ? in.rank() - 1 - d : static_cast<size_t>(transpose->perm[d])]);
      alias.strides = dense;
      return SamePlaces(out, permuted, dense);
    }
    if (const auto* strided = std::get_if<Strided>(&node.op)) {
      const std::optional<Strides> strides = AliasStrides(*strided, from.strides);
      if (!strides) return false;
      alias.offset += InputBox(*strided, from.strides).offset;
      // Canonical strides also along dimensions of size 1, because kernels read them.
      const bool is_dense = SamePlaces(out, *strides, dense), is_slice = IsMapSlice(x, y, *strides);
      alias.strides = is_dense ? dense : is_slice ? from.strides : *strides;
      return is_dense || is_slice || ReadersTakeStrides(y, *strides);
    }
    if (graph_.values[y].layout != Layout::kChannelsLast) return false;
    if (const auto* split = std::get_if<Split>(&node.op)) {
      Result<size_t> axis = NormalizeAxis(split->axis, in.rank());
      if (!axis) return false;
      for (size_t k = 0; k < i; ++k) alias.offset += ShapeOfValue(node.outputs[k])[*axis] * from.strides[*axis];
      alias.strides = from.strides;
      return true;
    }
    if (std::holds_alternative<Slice>(node.op)) {
      TensorView parameters[4];
      for (size_t k = 1; k < 5 && k < node.inputs.size(); ++k) {
        if (node.inputs[k] == kNoValue) continue;
        if (!graph_.IsConstant(node.inputs[k])) return false;
        parameters[k - 1] = graph_.values[node.inputs[k]].constant->view();
      }
      Result<SliceSpec> spec = ResolveSlice(in, parameters);
      if (!spec) return false;
      for (size_t d = 0; d < in.rank(); ++d) {
        if (spec->step[d] != 1) return false;  // kernels want whole rows of channels in ascending order
        alias.offset += spec->start[d] * from.strides[d];
      }
      alias.strides = from.strides;
      return true;
    }
    return false;
  }

  // A window of a channels-last map: whole pixels, or some of their channels.
  bool IsMapSlice(ValueId x, ValueId y, const Strides& strides) const {
    const Shape &in = ShapeOfValue(x), &out = ShapeOfValue(y);
    if (graph_.values[x].layout != Layout::kChannelsLast || graph_.values[y].layout != Layout::kChannelsLast)
      return false;
    return in.rank() == out.rank() && SamePlaces(out, strides, plan_.placements[x].strides);
  }

  bool ReadersTakeStrides(ValueId v, const Strides& strides) const {
    if (is_output_[v] || SizeOf(graph_.values[v].type.dtype) != 4) return false;
    const bool unit_last = ShapeOfValue(v).empty() || ShapeOfValue(v).back() == 1 || strides.back() == 1;
    for (const auto& [op, input] : readers_[v])
      if (!ReadsAnyStrides(*op, input, unit_last)) return false;
    return true;
  }

  // ---- lifetimes of roots

  void MeasureLifetimes() {
    const auto touch = [&](ValueId v, int32_t n) {
      const ValueId root = plan_.placements[v].root;
      if (plan_.first_use[root] < 0) plan_.first_use[root] = n;
      plan_.last_use[root] = std::max(plan_.last_use[root], n);
    };
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      for (ValueId v : graph_.nodes[n].inputs)
        if (v != kNoValue) touch(v, static_cast<int32_t>(n));
      for (ValueId v : graph_.nodes[n].outputs) touch(v, static_cast<int32_t>(n));
    }
    for (ValueId v : graph_.outputs) touch(v, static_cast<int32_t>(graph_.nodes.size()));
    for (ValueId v = 0; v < plan_.placements.size(); ++v) {
      if (plan_.placements[v].root != v || plan_.first_use[v] < 0 || IsForeign(v)) continue;
      plan_.root_bytes[v] = graph_.values[v].type.size_bytes();
    }
  }

  bool IsForeign(ValueId v) const {
    return graph_.IsConstant(v) || std::find(graph_.inputs.begin(), graph_.inputs.end(), v) != graph_.inputs.end();
  }

  // ---- in place: from the first to the last, merging the output's root into the input's

  void ReuseInputs() {
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      const Node& node = graph_.nodes[n];
      if (!FactsOf(node.op).in_place) continue;
      const ValueId out = node.outputs[0];
      const Placement& to = plan_.placements[out];
      if (to.root != out || plan_.root_bytes[out] == 0) continue;  // part of a concat, or not placed by this plan
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        const ValueId in = node.inputs[i];
        if (in == kNoValue) continue;
        const Placement from = plan_.placements[in];
        const bool whole = plan_.root_bytes[from.root] == plan_.root_bytes[out] && from.offset == 0;
        if (!whole || plan_.last_use[from.root] != static_cast<int32_t>(n) || ElementBytes(in) != ElementBytes(out) ||
            !(ShapeOfValue(in) == ShapeOfValue(out)) || !SamePlaces(ShapeOfValue(out), from.strides, to.strides)) {
          continue;
        }
        if (!OthersAgree(node, i)) continue;
        MergeRoot(out, from.root);
        break;
      }
    }
  }

  // No other input may read the same memory in another order: writing would overtake reading.
  bool OthersAgree(const Node& node, size_t i) const {
    const Placement& from = plan_.placements[node.inputs[i]];
    for (ValueId other : node.inputs) {
      if (other == kNoValue) continue;
      const Placement& p = plan_.placements[other];
      if (p.root == from.root && (p.offset != from.offset || !(ShapeOfValue(other) == ShapeOfValue(node.inputs[i])) ||
                                  !SamePlaces(ShapeOfValue(other), p.strides, from.strides))) {
        return false;
      }
    }
    return true;
  }

  void MergeRoot(ValueId from, ValueId into) {
    plan_.last_use[into] = std::max(plan_.last_use[into], plan_.last_use[from]);
    plan_.root_bytes[from] = 0;
    for (Placement& p : plan_.placements)
      if (p.root == from) p.root = into;
  }

  const Graph& graph_;
  const CopiedParts& copied_;
  std::vector<int32_t> producers_;
  std::vector<std::vector<std::pair<const Op*, size_t>>> readers_;  // by ValueId: operators and input positions
  std::vector<bool> fixed_;      // its place is decided
  std::vector<bool> is_output_;
  StoragePlan plan_;
};

// The step with the most live bytes, and their number.
struct Peak {
  int32_t step = 0;
  size_t bytes = 0;
};
Peak FindPeak(const StoragePlan& plan, size_t steps) {
  std::vector<int64_t> change(steps + 2, 0);
  for (size_t v = 0; v < plan.root_bytes.size(); ++v) {
    if (plan.root_bytes[v] == 0) continue;
    change[static_cast<size_t>(plan.first_use[v])] += static_cast<int64_t>(plan.root_bytes[v]);
    change[static_cast<size_t>(plan.last_use[v]) + 1] -= static_cast<int64_t>(plan.root_bytes[v]);
  }
  Peak peak;
  int64_t alive = 0;
  for (size_t step = 0; step <= steps; ++step) {
    alive += change[step];
    if (static_cast<size_t>(alive) > peak.bytes) peak = {static_cast<int32_t>(step), static_cast<size_t>(alive)};
  }
  return peak;
}

// The parts of concats that are already written at `peak` while other parts of the same concat are not: their whole
// buffer is alive too early. Skip connections of U-shaped networks are such parts.
CopiedParts EarlyParts(const Graph& graph, const StoragePlan& plan, int32_t peak, const CopiedParts& copied) {
  const std::vector<int32_t> producers = Producers(graph);
  CopiedParts early;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (!std::holds_alternative<Concat>(node.op) || static_cast<int32_t>(n) <= peak) continue;
    const ValueId root = plan.placements[node.outputs[0]].root;
    bool late = false;
    CopiedParts parts;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId v = node.inputs[i];
      if (producers[v] < 0 || plan.placements[v].root != root || copied.contains({n, i})) continue;
      if (producers[v] <= peak) parts.insert({n, i});
      else late = true;
    }
    if (late) early.insert(parts.begin(), parts.end());
  }
  return early;
}

// A copy must save this share of all activations, because it costs time in every run.
constexpr size_t kWorthwhileFraction = 32;
// U-shaped networks have a handful of skips; a bound keeps planning linear.
constexpr int kMaxRounds = 16;

}  // namespace

StoragePlan PlanStorage(const Graph& graph) {
  CopiedParts copied;
  StoragePlan best = StoragePlanner(graph, copied).Run();
  Peak peak = FindPeak(best, graph.nodes.size());
  for (int round = 0; round < kMaxRounds; ++round) {
    const CopiedParts early = EarlyParts(graph, best, peak.step, copied);
    if (early.empty()) break;
    CopiedParts more = copied;
    more.insert(early.begin(), early.end());
    StoragePlan plan = StoragePlanner(graph, more).Run();
    const Peak lower = FindPeak(plan, graph.nodes.size());
    if (lower.bytes + peak.bytes / kWorthwhileFraction > peak.bytes) break;
    best = std::move(plan);
    peak = lower;
    copied = std::move(more);
  }
  return best;
}

}  // namespace decal
