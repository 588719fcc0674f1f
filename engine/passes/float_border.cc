// Inputs and outputs become float32, the type that Session::Run takes and gives; the graph between keeps its types.
//
//   float16 input or output             ⇒  float32                         the network computes in float32 anyway
//   integer input ─► Cast float ─► op   ⇒  input ─► op                     Run is given whole numbers for it
//   integer input ─► op                 ⇒  input ─► Cast integer ─► op
//   op ─► integer output                ⇒  op ─► Cast f32 ─► output
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/passes/passes.h"

namespace decal {
namespace {

bool RunsAsFloat32(DType dtype) { return dtype == DType::kFloat32 || dtype == DType::kFloat16; }

// The casts of `input` to a float type read `whole` instead. Whether something else reads it.
bool SkipCasts(Graph& graph, ValueId input, ValueId whole) {
  bool others = std::ranges::count(graph.outputs, input) > 0;
  for (Node& node : graph.nodes) {
    const Cast* cast = std::get_if<Cast>(&node.op);
    for (ValueId& v : node.inputs) {
      if (v != input) continue;
      if (cast != nullptr && RunsAsFloat32(cast->to)) v = whole;
      else others = true;
    }
  }
  return others;
}

}  // namespace

Status FloatBorder(Graph& graph) {
  std::vector<Node> first;
  const auto float_of = [&](ValueId v) {
    TensorType type = graph.values[v].type;
    type.dtype = DType::kFloat32;
    return graph.AddValue(graph.values[v].name, type);
  };
  for (ValueId& v : graph.inputs) {
    DType& dtype = graph.values[v].type.dtype;
    if (RunsAsFloat32(dtype)) {
      dtype = DType::kFloat32;
      continue;
    }
    const DType whole_type = dtype;
    const ValueId whole = float_of(v);
    if (SkipCasts(graph, v, whole)) first.push_back(Node{Cast{whole_type}, graph.values[v].name, {whole}, {v}});
    v = whole;
  }
  first.insert(first.end(), std::make_move_iterator(graph.nodes.begin()), std::make_move_iterator(graph.nodes.end()));
  graph.nodes = std::move(first);
  for (ValueId& v : graph.outputs) {
    DType& dtype = graph.values[v].type.dtype;
    if (RunsAsFloat32(dtype)) {
      if (!graph.IsConstant(v)) dtype = DType::kFloat32;
      continue;
    }
    const ValueId cast = float_of(v);
    graph.nodes.push_back(Node{Cast{DType::kFloat32}, graph.values[v].name, {v}, {cast}});
    v = cast;
  }
  return {};
}

}  // namespace decal
