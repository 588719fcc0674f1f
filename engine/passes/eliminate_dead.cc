// Dead code: a node lives if a graph output depends on it.
// SPDX-License-Identifier: MIT
#include "engine/passes/passes.h"

namespace decal {

Status EliminateDead(Graph& graph) {
  std::vector<bool> live(graph.values.size(), false);
  for (ValueId v : graph.outputs) live[v] = true;
  std::vector<bool> erase(graph.nodes.size(), false);
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    bool used = false;
    for (ValueId v : node.outputs) used = used || (v != kNoValue && live[v]);
    erase[n] = !used;
    if (!used) continue;
    for (ValueId v : node.inputs)
      if (v != kNoValue) live[v] = true;
  }
  EraseNodes(graph, erase);
  for (size_t v = 0; v < graph.values.size(); ++v)
    if (!live[v]) graph.values[v].constant = nullptr;
  return {};
}

}  // namespace decal
