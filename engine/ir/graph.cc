// Graph construction helpers and use-def queries.
// SPDX-License-Identifier: MIT
#include "engine/ir/graph.h"

namespace decal {

ValueId Graph::AddValue(std::string value_name, TensorType type) {
  Value value;
  value.name = std::move(value_name);
  value.type = type;
  values.push_back(std::move(value));
  return static_cast<ValueId>(values.size() - 1);
}

ValueId Graph::AddConstant(std::string value_name, ConstantPtr constant) {
  const ValueId id = AddValue(std::move(value_name), TensorType{constant->dtype, constant->shape});
  values[id].constant = std::move(constant);
  return id;
}

std::vector<int32_t> Producers(const Graph& graph) {
  std::vector<int32_t> producers(graph.values.size(), -1);
  for (size_t n = 0; n < graph.nodes.size(); ++n)
    for (ValueId v : graph.nodes[n].outputs)
      if (v != kNoValue) producers[v] = static_cast<int32_t>(n);
  return producers;
}

std::vector<uint32_t> UseCounts(const Graph& graph) {
  std::vector<uint32_t> uses(graph.values.size(), 0);
  for (const Node& node : graph.nodes)
    for (ValueId v : node.inputs)
      if (v != kNoValue) ++uses[v];
  for (ValueId v : graph.outputs) ++uses[v];
  return uses;
}

}  // namespace decal
