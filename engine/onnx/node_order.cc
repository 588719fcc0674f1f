// Depth-first, from each node in the file's order to those that it needs. Iterative: a file may hold a chain of any length.
// SPDX-License-Identifier: MIT
#include "engine/onnx/node_order.h"

#include <string>
#include <unordered_map>

#include "engine/ir/graph.h"

namespace decal {

Status SortNodes(std::vector<OnnxNode>& nodes) {
  // Which node makes a name. Of two that make the same the first counts: the importer refuses the second. (Types that the importer has
  // too: others would be 2 kB more of WebAssembly.)
  std::unordered_map<std::string, ValueId> makers;
  for (size_t i = 0; i < nodes.size(); ++i)
    for (const std::string& output : nodes[i].outputs)
      if (!output.empty()) makers.emplace(output, static_cast<ValueId>(i));

  // How many of a node's inputs have been looked at.
  std::vector<size_t> looked(nodes.size());
  std::vector<size_t> order, path;
  std::vector<bool> placed(nodes.size());
  for (size_t first = 0; first < nodes.size(); ++first) {
    if (!placed[first]) path.push_back(first);
    while (!path.empty()) {
      const size_t node = path.back();
      if (looked[node] == nodes[node].inputs.size()) {
        placed[node] = true;
        order.push_back(node);
        path.pop_back();
        continue;
      }
      const auto maker = makers.find(nodes[node].inputs[looked[node]++]);
      if (maker == makers.end()) continue;
      const size_t needed = static_cast<size_t>(maker->second);
      if (placed[needed]) continue;
      // A node on the path has looked at one of its inputs at least; others have not.
      if (looked[needed] > 0) {
        return Fail(ErrorCode::kCorruptModel, nodes[needed].op_type + " needs its own output '" + maker->first + "'",
                    nodes[needed].name);
      }
      path.push_back(needed);
    }
  }
  std::vector<OnnxNode> sorted;
  sorted.reserve(order.size());
  for (const size_t i : order) sorted.push_back(std::move(nodes[i]));
  nodes = std::move(sorted);
  return {};
}

}  // namespace decal
