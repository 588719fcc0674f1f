// Small graphs for the WebGPU tests: operators as the passes leave them, their inputs whole maps or slices of wider ones.
// SPDX-License-Identifier: MIT
#pragma once

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/ir/graph.h"

namespace decal::testing {

class CaseGraph {
 public:
  explicit CaseGraph(uint32_t seed) : random_(seed) {}

  // One of 0 .. n - 1.
  int64_t Pick(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint32_t>(n)); }

  // A graph input that the test fills with random numbers from low to high.
  ValueId Input(const Shape& shape, float low = -1, float high = 1);
  // A map of `shape`. For a third of the seeds it is a slice of the channels of a wider map, so its pixel stride is odd.
  ValueId Map(const Shape& shape);
  ValueId Constant(const Shape& shape, float low = -1, float high = 1);
  ValueId Floats(const Shape& shape, const std::vector<float>& values);
  ValueId Ints(const std::vector<int64_t>& values);

  // A node; its shape rule gives the output types.
  ValueId Node(Op op, std::vector<ValueId> inputs) { return Nodes(std::move(op), std::move(inputs), 1)[0]; }
  std::vector<ValueId> Nodes(Op op, std::vector<ValueId> inputs, size_t outputs);

  const Shape& ShapeOf(ValueId v) const { return *graph_.values[v].type.shape; }

  void Output(ValueId v) { graph_.outputs.push_back(v); }
  // Makes v an output. For a third of the seeds it is a slice of a wider map that other nodes write, too.
  void MapOutput(ValueId v);

  Graph Build() const { return graph_; }
  // Range of the random contents of each input.
  const std::vector<std::pair<float, float>>& ranges() const { return ranges_; }
  std::mt19937& random() { return random_; }

 private:
  std::string NextName() { return "v" + std::to_string(graph_.values.size()); }

  std::mt19937 random_;
  Graph graph_;
  std::vector<std::pair<float, float>> ranges_;
};

}  // namespace decal::testing
