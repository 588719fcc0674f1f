// Chains of data movement become one operator:
//
//   x ─► Reshape ─► Transpose ─► Split ─► Squeeze ─► y              ⇒  y = Strided(x)
//
//   x ─► Split ─┬─► Split ─┬─► .. ─► Concat ─┐
//               ├─► ..     └─► ..            ├─► Concat ─► y        ⇒  y = Strided(x)      (image2patches, 1,024 wide)
//               └─► Split ─► .. ─► Concat ───┘
//
// Two bindings whatever the width; the planner makes it an alias where its reader takes strides, and one copy
// otherwise. What does not compose to a regular map (a roll, uneven parts) is left as it is.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <map>

#include "engine/base/small_sort.h"
#include "engine/ops/movement/slice_spec.h"
#include "engine/passes/index_map.h"
#include "engine/passes/passes.h"

namespace decal {
namespace {

class Composer {
 public:
  explicit Composer(Graph& graph) : graph_(graph), outputs_(graph.values.size(), false) {
    for (ValueId v : graph.outputs) outputs_[v] = true;
  }

  Status Run() {
    std::vector<Node> nodes = std::move(graph_.nodes);
    for (Node& node : nodes) {
      if (MapOutputs(node)) {
        for (ValueId v : node.outputs)
          if (v != kNoValue && outputs_[v]) Materialize(v, v);
        continue;
      }
      for (ValueId& v : node.inputs)
        if (v != kNoValue) v = Materialized(v);
      done_.push_back(std::move(node));
    }
    graph_.nodes = std::move(done_);
    return {};
  }

 private:
  const Shape& ShapeOfValue(ValueId v) const { return *graph_.values[v].type.shape; }

  // The map of a value: that of its movement chain, or the value itself as a root.
  IndexMap MapOf(ValueId v) const {
    const auto found = maps_.find(v);
    return found != maps_.end() ? found->second : IndexMap::Identity(v, ShapeOfValue(v));
  }

  // True if `node` only moves data in a regular way: its outputs then have maps and the node can go.
  bool MapOutputs(const Node& node) {
    if (node.inputs.empty() || node.inputs[0] == kNoValue || graph_.IsConstant(node.inputs[0])) return false;
    for (ValueId v : node.outputs)
      if (v == kNoValue || ShapeOfValue(v).elements() == 0) return false;
    if (const auto* split = std::get_if<Split>(&node.op)) return MapSplit(*split, node);
    if (node.outputs.size() != 1) return false;
    const std::optional<IndexMap> map = MapOfNode(node);
    if (map) maps_.insert_or_assign(node.outputs[0], *map);
    return map.has_value();
  }

  std::optional<IndexMap> MapOfNode(const Node& node) const {
    const IndexMap x = MapOf(node.inputs[0]);
    const Shape& out = ShapeOfValue(node.outputs[0]);
    if (std::holds_alternative<View>(node.op)) return x.Reshaped(out);
    if (std::holds_alternative<Expand>(node.op)) return x.Expanded(out);
    if (const auto* transpose = std::get_if<Transpose>(&node.op)) {
      std::array<size_t, kMaxRank> perm{};
      const size_t rank = out.rank();
      for (size_t d = 0; d < rank; ++d)
        perm[d] = transpose->perm.empty() ? rank - 1 - d : static_cast<size_t>(transpose->perm[d]);
      return x.Transposed(std::span(perm).first(rank));
    }
    if (std::holds_alternative<Slice>(node.op)) return MapSlice(x, node);
    if (const auto* gather = std::get_if<Gather>(&node.op)) return MapGather(*gather, x, node);
    if (const auto* concat = std::get_if<Concat>(&node.op)) return MapConcat(*concat, node);
    if (const auto* strided = std::get_if<Strided>(&node.op)) return MapStrided(*strided, x);
    return std::nullopt;
  }

  std::optional<IndexMap> MapSlice(IndexMap map, const Node& node) const {
    TensorView parameters[4];
    for (size_t i = 1; i < 5 && i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoValue) continue;
      if (!graph_.IsConstant(node.inputs[i])) return std::nullopt;
      parameters[i - 1] = graph_.values[node.inputs[i]].constant->view();
    }
    const Result<SliceSpec> spec = ResolveSlice(ShapeOfValue(node.inputs[0]), parameters);
    if (!spec) return std::nullopt;
    for (size_t d = 0; d < spec->shape.rank(); ++d) {
      if (spec->shape[d] == map.shape()[d] && spec->step[d] == 1) continue;
      std::optional<IndexMap> sliced = map.Sliced(d, spec->start[d], spec->shape[d], spec->step[d]);
      if (!sliced) return std::nullopt;
      map = *std::move(sliced);
    }
    return map;
  }

  // One known index along one axis: a slice of size 1 whose dimension disappears (or stays, for a 1-d index).
  std::optional<IndexMap> MapGather(const Gather& gather, const IndexMap& x, const Node& node) const {
    if (!graph_.IsConstant(node.inputs[1])) return std::nullopt;
    const ConstantTensor& indices = *graph_.values[node.inputs[1]].constant;
    if (indices.shape.elements() != 1 || (indices.dtype != DType::kInt64 && indices.dtype != DType::kInt32))
      return std::nullopt;
    int64_t index = indices.dtype == DType::kInt64 ? *indices.view().as<int64_t>() : *indices.view().as<int32_t>();
    const Result<size_t> axis = NormalizeAxis(gather.axis, x.shape().rank());
    if (!axis) return std::nullopt;
    if (index < 0) index += x.shape()[*axis];
    if (index < 0 || index >= x.shape()[*axis]) return std::nullopt;
    const std::optional<IndexMap> sliced = x.Sliced(*axis, index, 1, 1);
    return sliced ? sliced->Reshaped(ShapeOfValue(node.outputs[0])) : std::nullopt;
  }

  std::optional<IndexMap> MapConcat(const Concat& concat, const Node& node) const {
    const Result<size_t> axis = NormalizeAxis(concat.axis, ShapeOfValue(node.outputs[0]).rank());
    if (!axis) return std::nullopt;
    std::vector<IndexMap> parts;
    for (ValueId v : node.inputs) {
      const auto found = maps_.find(v);
      if (found == maps_.end()) return std::nullopt;
      parts.push_back(found->second);
    }
    return IndexMap::Concatenated(parts, *axis);
  }

  // An earlier result of this pass: its digits are slices of a reshape of a transpose, which compose as such.
  static std::optional<IndexMap> MapStrided(const Strided& op, IndexMap map) {
    // Every axis is cut into the digits that walk along it, from the largest step to the smallest.
    std::vector<size_t> order;
    Shape boxes;
    for (size_t axis = 0; axis < op.start.rank(); ++axis) {
      std::vector<size_t> own;
      for (size_t i = 0; i < op.digits.size(); ++i)
        if (op.digits[i].axis == axis) own.push_back(i);
      SmallSort(own.begin(), own.end(), [&](size_t a, size_t b) { return op.digits[a].step > op.digits[b].step; });
      int64_t inner = 1;
      for (size_t i = own.size(); i-- > 0; inner *= op.digits[own[i]].extent)
        if (op.digits[own[i]].step != inner) return std::nullopt;
      if (op.start[axis] + inner > map.shape()[axis]) return std::nullopt;
      if (inner != map.shape()[axis]) {
        std::optional<IndexMap> sliced = map.Sliced(axis, op.start[axis], inner, 1);
        if (!sliced) return std::nullopt;
        map = *std::move(sliced);
      }
      for (size_t i : own) {
        order.push_back(i);
        boxes.push_back(op.digits[i].extent);
      }
    }
    std::optional<IndexMap> boxed = map.Reshaped(boxes);
    if (!boxed) return std::nullopt;
    std::array<size_t, kMaxRank> perm{};
    for (size_t i = 0; i < order.size(); ++i) perm[order[i]] = i;
    boxed = boxed->Transposed(std::span(perm).first(order.size()));
    return boxed ? boxed->Reshaped(op.shape) : std::nullopt;
  }

  bool MapSplit(const Split& split, const Node& node) {
    const IndexMap x = MapOf(node.inputs[0]);
    const Result<size_t> axis = NormalizeAxis(split.axis, x.shape().rank());
    if (!axis) return false;
    std::vector<IndexMap> parts;
    int64_t start = 0;
    for (ValueId v : node.outputs) {
      const int64_t extent = ShapeOfValue(v)[*axis];
      std::optional<IndexMap> part = x.Sliced(*axis, start, extent, 1);
      if (!part) return false;
      parts.push_back(*std::move(part));
      start += extent;
    }
    for (size_t i = 0; i < parts.size(); ++i) maps_.insert_or_assign(node.outputs[i], parts[i]);
    return true;
  }

  // The value to use where `v` was used: `v` itself, its root, or a Strided of the root made on first use.
  ValueId Materialized(ValueId v) {
    const auto found = maps_.find(v);
    if (found == maps_.end()) return v;
    const IndexMap& map = found->second;
    if (map == IndexMap::Identity(map.root(), ShapeOfValue(map.root()))) return map.root();
    if (outputs_[v]) return v;  // made when its chain ended
    for (const auto& [made, id] : made_[map.root()])
      if (made == map) return id;
    return Materialize(v, graph_.AddValue(graph_.values[v].name, graph_.values[v].type));
  }

  ValueId Materialize(ValueId v, ValueId id) {
    const IndexMap& map = maps_.at(v);
    done_.push_back(Node{map.ToStrided(), graph_.values[v].name, {map.root()}, {id}});
    made_[map.root()].emplace_back(map, id);
    return id;
  }

  Graph& graph_;
  std::vector<bool> outputs_;
  std::map<ValueId, IndexMap> maps_;
  std::map<ValueId, std::vector<std::pair<IndexMap, ValueId>>> made_;  // by root
  std::vector<Node> done_;
};

}  // namespace

Status ComposeMovement(Graph& graph) {
  DECAL_TRY(Composer(graph).Run());
  return EliminateDead(graph);
}

}  // namespace decal
