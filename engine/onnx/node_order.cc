// Depth-first, from each node in the file's order to those that it needs. Iterative: a file may hold a chain of any length.
#include "engine/onnx/node_order.h"

#include <cstdint>
#include <string_view>
#include <unordered_map>

namespace decal {
namespace {

enum class State : uint8_t { kWaiting, kEntered, kPlaced };

// A node whose inputs are being placed.
struct Visit {
  size_t node;
  size_t next_input = 0;
};

// Which node makes a name. Of two that make the same the first counts: the importer refuses the second.
std::unordered_map<std::string_view, size_t> Makers(const std::vector<OnnxNode>& nodes) {
  std::unordered_map<std::string_view, size_t> makers;
  for (size_t i = 0; i < nodes.size(); ++i)
    for (const std::string& output : nodes[i].outputs)
      if (!output.empty()) makers.emplace(output, i);
  return makers;
}

}  // namespace

Status SortNodes(std::vector<OnnxNode>& nodes) {
  const auto makers = Makers(nodes);
  std::vector<State> states(nodes.size(), State::kWaiting);
  std::vector<size_t> order;
  order.reserve(nodes.size());
  std::vector<Visit> path;
  for (size_t first = 0; first < nodes.size(); ++first) {
    if (states[first] == State::kPlaced) continue;
    states[first] = State::kEntered;
    path.push_back({first});
    while (!path.empty()) {
      Visit& visit = path.back();
      const std::vector<std::string>& inputs = nodes[visit.node].inputs;
      if (visit.next_input == inputs.size()) {
        states[visit.node] = State::kPlaced;
        order.push_back(visit.node);
        path.pop_back();
        continue;
      }
      const auto maker = makers.find(inputs[visit.next_input++]);
      if (maker == makers.end() || states[maker->second] == State::kPlaced) continue;
      const OnnxNode& needed = nodes[maker->second];
      if (states[maker->second] == State::kEntered) {
        return Fail(ErrorCode::kCorruptModel, needed.op_type + " needs its own output '" + std::string(maker->first) + "'", needed.name);
      }
      states[maker->second] = State::kEntered;
      path.push_back({maker->second});
    }
  }
  std::vector<OnnxNode> sorted;
  sorted.reserve(nodes.size());
  for (const size_t i : order) sorted.push_back(std::move(nodes[i]));
  nodes = std::move(sorted);
  return {};
}

}  // namespace decal
