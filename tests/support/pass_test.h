// What tests of single passes share: a model goes through all passes, and its results and types must come out
// unharmed.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/reference_runner.h"
#include "tests/support/seed.h"

namespace decal::testing {

// Nodes whose operator has one of these names.
inline size_t Count(const Graph& graph, std::initializer_list<std::string> ops) {
  size_t n = 0;
  for (const Node& node : graph.nodes) n += static_cast<size_t>(std::count(ops.begin(), ops.end(), OpName(node.op)));
  return n;
}
inline size_t Count(const Graph& graph, const std::string& op) { return Count(graph, {op}); }

// Within `tolerance`, relative for values above 1.
inline void ExpectNear(const std::vector<std::vector<float>>& actual, const std::vector<std::vector<float>>& expected,
                       float tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t o = 0; o < actual.size(); ++o) {
    ASSERT_EQ(actual[o].size(), expected[o].size());
    for (size_t i = 0; i < actual[o].size(); ++i)
      ASSERT_NEAR(actual[o][i], expected[o][i], tolerance * std::max(1.0f, std::abs(expected[o][i]))) << "output " << o;
  }
}

// Every value has the type that its operator gives it: Verify does not look at shapes, and a pass that swaps
// an operator for one of another shape shows only here. (A View takes its shape from its output.)
inline void ExpectTypesInferred(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (std::holds_alternative<View>(node.op)) continue;
    std::vector<InferInput> inputs;
    for (ValueId v : node.inputs) {
      InferInput& input = inputs.emplace_back();
      if (v == kNoValue) continue;
      const Value& value = graph.values[v];
      input = {true, value.type.dtype, *value.type.shape, value.constant.get()};
    }
    const InferResult types = InferOp(node.op, {inputs, node.outputs.size()});
    ASSERT_TRUE(types) << OpName(node.op) << ": " << types.error().ToString() << "\n" << Print(graph);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const TensorType& type = graph.values[node.outputs[i]].type;
      EXPECT_EQ((*types)[i].shape->ToString(), type.shape->ToString()) << Print(graph);
      EXPECT_EQ((*types)[i].dtype, type.dtype) << Print(graph);
    }
  }
}

// The graph once the pass named `last` has run for the first time.
inline Graph AfterPass(const std::string& model, std::string_view last) {
  Result<Graph> graph = Import(model);
  EXPECT_TRUE(graph) << graph.error().ToString();
  if (!graph) return {};
  for (const auto& passes : {LoadPasses(), SpecializePasses()}) {
    const Status status = RunPasses(*graph, passes, last);
    EXPECT_TRUE(status) << (status ? "" : status.error().ToString());
  }
  EXPECT_TRUE(Verify(*graph));
  return *std::move(graph);
}

// The graph after all passes; its results are compared with those of the graph as imported.
inline Graph Optimise(const std::string& model, const std::vector<TestTensor>& inputs, float tolerance = 1e-4f) {
  const auto plain = ImportAndInfer(model);
  EXPECT_TRUE(plain) << plain.error().ToString();
  auto graph = Import(model);
  if (!plain || !graph) return {};
  for (auto passes : {LoadPasses(), SpecializePasses()}) {
    const Status status = RunPasses(*graph, passes);
    EXPECT_TRUE(status) << (status ? "" : status.error().ToString());
    EXPECT_TRUE(Verify(*graph));
    if (!status) return {};
  }
  ExpectTypesInferred(*graph);
  ExpectNear(RunByReference(*graph, inputs), RunByReference(*plain, inputs), tolerance);
  return *std::move(graph);
}

// One input for each shape, all of them different.
inline std::vector<TestTensor> RandomInputs(const std::vector<Shape>& shapes, float low = -2, float high = 2) {
  std::mt19937 random(TestSeed(1));
  std::vector<TestTensor> inputs;
  for (const Shape& shape : shapes) inputs.emplace_back(TestTensor::Dense(shape)).FillRandom(random, low, high);
  return inputs;
}

}  // namespace decal::testing
