// Memory layouts: channels last wherever convolutions work, row-major where views and products do.
//
// Walks the nodes in execution order. An operator that needs a layout gets it, through a Relayout if its input has the
// other one. An operator that works on any strides follows its inputs. A Relayout between tensors that are the same in
// memory (one channel, one pixel) costs nothing, because the planner makes it an alias.
// SPDX-License-Identifier: MIT
#include <map>
#include <string>

#include "engine/ops/movement/strided_map.h"
#include "engine/passes/passes.h"

namespace decal {
namespace {

// Only these tensors can have more than one layout.
bool HasLayout(const Graph& graph, ValueId v) { return v != kNoValue && graph.values[v].type.shape->rank() >= 3; }

// Inputs that are activations rather than weights, bounds or shapes.
bool IsActivation(const Node& node, size_t i) {
  const Epilogue* epilogue = EpilogueOf(node.op);
  const bool residual = epilogue != nullptr && epilogue->residual != Epilogue::Residual::kNone;
  return FactsOf(node.op).activations->contains(i) || (residual && i + 1 == node.inputs.size());
}

// If a Transpose of dense memory gives dense memory of some layout, that layout makes it free.
Layout LayoutAfterTranspose(const Transpose& op, const Shape& in, Layout layout, const Shape& out) {
  const Strides strides = DenseStrides(in, layout);
  Strides permuted;
  for (size_t i = 0; i < in.rank(); ++i)
    permuted.push_back(strides[op.perm.empty() ? in.rank() - 1 - i : static_cast<size_t>(op.perm[i])]);
  return SamePlaces(out, permuted, DenseStrides(out, Layout::kChannelsLast)) &&
                 !SamePlaces(out, permuted, DenseStrides(out, Layout::kRowMajor))
             ? Layout::kChannelsLast
             : Layout::kRowMajor;
}

class LayoutAssigner {
 public:
  explicit LayoutAssigner(Graph& graph) : graph_(graph), wanted_channels_last_(graph.values.size(), false) {
    for (const Node& node : graph.nodes)
      for (size_t i = 0; i < node.inputs.size(); ++i)
        if (node.inputs[i] != kNoValue && FactsOf(node.op).layout == LayoutNeed::kChannelsLast && IsActivation(node, i))
          wanted_channels_last_[node.inputs[i]] = true;
  }

  void Run() {
    std::vector<Node> nodes = std::move(graph_.nodes);
    for (Node& node : nodes) {
      const Layout layout = LayoutFor(node);
      if (!std::holds_alternative<Transpose>(node.op) && !std::holds_alternative<Strided>(node.op)) {
        for (size_t i = 0; i < node.inputs.size(); ++i) {
          ValueId& v = node.inputs[i];
          if (!HasLayout(graph_, v) || graph_.IsConstant(v)) continue;
          const bool row_major_parameter = !IsActivation(node, i);
          v = InLayout(v, row_major_parameter ? Layout::kRowMajor : layout);
        }
      }
      for (ValueId v : node.outputs)
        if (HasLayout(graph_, v)) graph_.values[v].layout = layout;
      done_.push_back(std::move(node));
    }
    for (ValueId& v : graph_.outputs)
      if (HasLayout(graph_, v)) v = InLayout(v, Layout::kRowMajor);
    graph_.nodes = std::move(done_);
  }

 private:
  Layout LayoutFor(const Node& node) {
    switch (LayoutNeed{FactsOf(node.op).layout}) {
      case LayoutNeed::kChannelsLast: return Layout::kChannelsLast;
      case LayoutNeed::kRowMajor: return Layout::kRowMajor;
      case LayoutNeed::kAny: break;
    }
    const ValueId x = node.inputs.empty() ? kNoValue : node.inputs[0];
    const Shape& out = *graph_.values[node.outputs[0]].type.shape;
    if (const auto* transpose = std::get_if<Transpose>(&node.op)) {
      return LayoutAfterTranspose(*transpose, *graph_.values[x].type.shape, graph_.values[x].layout, out);
    }
    if (const auto* strided = std::get_if<Strided>(&node.op)) return LayoutAfterStrided(*strided, x, node.outputs[0]);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId v = node.inputs[i];
      if (!IsActivation(node, i) || !HasLayout(graph_, v) || graph_.IsConstant(v)) continue;
      if (graph_.values[v].type.shape->rank() != out.rank()) continue;
      if (graph_.values[v].layout == Layout::kChannelsLast) return Layout::kChannelsLast;
    }
    return Layout::kRowMajor;
  }

  // The layout in which the result is a view of the input's memory. If there is none, the one that its readers need,
  // because the copy can write either.
  Layout LayoutAfterStrided(const Strided& op, ValueId x, ValueId y) const {
    const Shape &in = *graph_.values[x].type.shape, &out = op.shape;
    if (out.rank() < 3) return Layout::kRowMajor;
    if (const auto strides = AliasStrides(op, DenseStrides(in, graph_.values[x].layout))) {
      if (SamePlaces(out, *strides, DenseStrides(out, Layout::kRowMajor))) return Layout::kRowMajor;
      if (SamePlaces(out, *strides, DenseStrides(out, Layout::kChannelsLast))) return Layout::kChannelsLast;
      if (graph_.values[x].layout == Layout::kChannelsLast && out.rank() == in.rank() && (*strides)[1] == 1)
        return Layout::kChannelsLast;  // a slice of a map
    }
    return wanted_channels_last_[y] ? Layout::kChannelsLast : Layout::kRowMajor;
  }

  // `v` itself or a copy of it in the other layout, made once.
  ValueId InLayout(ValueId v, Layout layout) {
    if (graph_.values[v].layout == layout) return v;
    const auto [found, added] = relaid_.try_emplace(v, kNoValue);
    if (!added) return found->second;
    const std::string name = graph_.values[v].name;
    const ValueId copy = graph_.AddValue(name, graph_.values[v].type);
    graph_.values[copy].layout = layout;
    done_.push_back(Node{Relayout{}, name, {v}, {copy}});
    return found->second = copy;
  }

  Graph& graph_;
  std::vector<bool> wanted_channels_last_;  // by ValueId
  std::vector<Node> done_;
  std::map<ValueId, ValueId> relaid_;
};

}  // namespace

Status AssignLayout(Graph& graph) {
  LayoutAssigner(graph).Run();
  return {};
}

}  // namespace decal
