// Structural invariants of a graph: run after every pass in debug builds.
// SPDX-License-Identifier: MIT
#include "engine/ir/graph.h"

namespace decal {
namespace {

std::unexpected<Error> Broken(const Node& node, const std::string& what) {
  return Fail(ErrorCode::kInternal, std::string(OpName(node.op)) + ": " + what, node.name);
}

}  // namespace

Status Verify(const Graph& graph) {
  std::vector<bool> defined(graph.values.size(), false);
  for (size_t v = 0; v < graph.values.size(); ++v) defined[v] = graph.values[v].constant != nullptr;
  for (ValueId v : graph.inputs) {
    if (v >= graph.values.size()) return Fail(ErrorCode::kInternal, "graph input out of range", graph.name);
    defined[v] = true;
  }
  for (const Node& node : graph.nodes) {
    for (ValueId v : node.inputs) {
      if (v == kNoValue) continue;
      if (v >= graph.values.size()) return Broken(node, "input out of range");
      if (!defined[v]) return Broken(node, "input '" + graph.values[v].name + "' is used before it is made");
    }
    for (ValueId v : node.outputs) {
      if (v == kNoValue) continue;
      if (v >= graph.values.size()) return Broken(node, "output out of range");
      if (defined[v]) return Broken(node, "output '" + graph.values[v].name + "' is made twice");
      defined[v] = true;
    }
  }
  for (ValueId v : graph.outputs) {
    if (v >= graph.values.size() || !defined[v])
      return Fail(ErrorCode::kInternal, "no node computes a graph output", graph.name);
  }
  return {};
}

}  // namespace decal
