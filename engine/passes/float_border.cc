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
#include <utility>

#include "engine/passes/passes.h"

namespace decal {
namespace {

bool IsFloat(DType dtype) { return dtype == DType::kFloat32 || dtype == DType::kFloat16; }

// The casts of `input` to a float type read `whole` instead. Whether something else reads it.
bool SkipCasts(Graph& graph, ValueId input, ValueId whole) {
  bool others = std::ranges::count(graph.outputs, input) > 0;
  for (Node& node : graph.nodes) {
    const Cast* cast = std::get_if<Cast>(&node.op);
    for (ValueId& v : node.inputs) {
      if (v != input) continue;
      if (cast != nullptr && IsFloat(cast->to)) v = whole;
      else others = true;
    }
  }
  return others;
}

}  // namespace

Status FloatBorder(Graph& graph) {
  std::vector<Node> first;
  for (ValueId& v : graph.inputs) {
    const TensorType type = graph.values[v].type;
    const TensorType floats{DType::kFloat32, type.shape};
    if (type.dtype == DType::kFloat16) graph.values[v].type = floats;
    if (IsFloat(type.dtype)) continue;
    const std::string name = graph.values[v].name;
    const ValueId whole = graph.AddValue(name, floats);
    if (SkipCasts(graph, v, whole)) first.push_back(Node{Cast{type.dtype}, name, {whole}, {v}});
    v = whole;
  }
  if (!first.empty()) {
    graph.nodes.insert(graph.nodes.begin(), std::make_move_iterator(first.begin()),
                       std::make_move_iterator(first.end()));
  }
  for (ValueId& v : graph.outputs) {
    const TensorType type = graph.values[v].type;
    const TensorType floats{DType::kFloat32, type.shape};
    if (type.dtype == DType::kFloat16 && !graph.IsConstant(v)) graph.values[v].type = floats;
    if (IsFloat(type.dtype)) continue;
    const std::string name = graph.values[v].name;
    const ValueId cast = graph.AddValue(name, floats);
    graph.nodes.push_back(Node{Cast{DType::kFloat32}, name, {v}, {cast}});
    v = cast;
  }
  return {};
}

}  // namespace decal
