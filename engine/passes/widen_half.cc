// Float16 graphs compute in float32: no kernel of ours has float16 arithmetic, and the border may keep the type.
//
//   float16 constant ─► op              ⇒  constant ─► Cast f32 ─► op     what exporters write when only weights are half
//   Cast f16, Dequantize to f16, ...    ⇒  the same to f32
//   float16 graph input ─► op           ⇒  input ─► Cast f32 ─► op
//   op ─► float16 graph output          ⇒  op ─► Cast f16 ─► output
//
// The results are those of a float16 graph or better: nothing in between is rounded.
// SPDX-License-Identifier: MIT
#include <iterator>
#include <optional>

#include "engine/passes/passes.h"

namespace decal {
namespace {

// Every type among an operator's attributes is that of an output.
struct WidenField {
  void operator()(const char*, DType& dtype) const {
    if (dtype == DType::kFloat16) dtype = DType::kFloat32;
  }
  void operator()(const char* name, std::optional<DType>& dtype) const {
    if (dtype) (*this)(name, *dtype);
  }
  template <class Other>
  void operator()(const char*, const Other&) const {}
};

}  // namespace

Status WidenHalf(Graph& graph) {
  std::vector<Node> first;
  const auto cast = [&](ValueId from, ValueId to, DType dtype) {
    return Node{Cast{dtype}, graph.values[to].name, {from}, {to}};
  };
  // Constants and graph inputs are the only values whose type is known before shapes are.
  std::vector<ValueId> wide(graph.values.size(), kNoValue);
  std::vector<bool> is_input(graph.values.size(), false);
  for (ValueId v : graph.inputs) is_input[v] = true;
  const auto widened = [&](ValueId v) {
    if (v == kNoValue || graph.values[v].type.dtype != DType::kFloat16) return v;
    if (!graph.IsConstant(v) && !is_input[v]) return v;
    if (wide[v] == kNoValue) {
      wide[v] = graph.AddValue(graph.values[v].name, {DType::kFloat32, graph.values[v].type.shape});
      first.push_back(cast(v, wide[v], DType::kFloat32));
    }
    return wide[v];
  };
  for (Node& node : graph.nodes) {
    std::visit([]<class T>(T& op) { OpTraits<T>::Fields(op, WidenField()); }, node.op);
    if (std::holds_alternative<Cast>(node.op)) continue;  // takes any type
    for (ValueId& v : node.inputs) v = widened(v);
  }
  // A half output keeps its value, and thus its name and type; its maker gets a new one.
  std::vector<Node> last;
  std::vector<bool> done(graph.values.size(), false);
  const std::vector<int32_t> producers = Producers(graph);
  for (ValueId v : graph.outputs) {
    if (v >= done.size() || done[v] || producers[v] < 0 || graph.values[v].type.dtype != DType::kFloat16) continue;
    done[v] = true;
    const ValueId made = graph.AddValue(graph.values[v].name, {DType::kFloat32, graph.values[v].type.shape});
    for (Node& node : graph.nodes) {
      for (ValueId& u : node.inputs)
        if (u == v) u = made;
      for (ValueId& u : node.outputs)
        if (u == v) u = made;
    }
    last.push_back(cast(made, v, DType::kFloat16));
  }
  first.insert(first.end(), std::make_move_iterator(graph.nodes.begin()), std::make_move_iterator(graph.nodes.end()));
  first.insert(first.end(), std::make_move_iterator(last.begin()), std::make_move_iterator(last.end()));
  graph.nodes = std::move(first);
  return {};
}

}  // namespace decal
