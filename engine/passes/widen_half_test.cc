// Float16 graphs: everything between the border and the weights becomes float32, and the border stays.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "engine/passes/passes.h"
#include "tests/support/reference_runner.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

constexpr int kFloatType = 1, kHalf = 10;

TEST(WidenHalf, HalfGraphsBetweenCastsComputeInFloat) {
  OnnxBuilder b;
  b.Input("x", {2, 3});
  const std::vector<Half> weights = {Half(1), Half(2), Half(3), Half(0.5f), Half(0.25f), Half(4)};
  b.Tensor("w", {3, 2}, kHalf, weights);
  const std::string x = b.Node("Cast", {"x"}, OnnxAttributes().Int("to", kHalf));
  b.Node("Cast", {b.Node("MatMul", {x, "w"})}, {"y"}, OnnxAttributes().Int("to", kFloatType));
  b.Output("y");
  auto graph = Import(b.Build());
  ASSERT_TRUE(graph) << graph.error().ToString();
  for (auto passes : {LoadPasses(), SpecializePasses()}) ASSERT_TRUE(RunPasses(*graph, passes));
  ASSERT_EQ(graph->nodes.size(), 1u) << Print(*graph);
  std::vector<TestTensor> inputs;
  inputs.push_back(TestTensor::Of({2, 3}, {1, 2, 3, -1, 0.5f, 2}));
  EXPECT_EQ(RunByReference(*graph, inputs)[0], (std::vector<float>{7.75f, 15, 1, 6.25f}));
}

TEST(WidenHalf, TheBorderKeepsItsType) {
  OnnxBuilder b;
  b.Input("x", {2}, kHalf);
  b.Node("Relu", {"x"}, {"y"});
  b.Node("Sqrt", {"y"}, {"z"});  // an output that another node reads
  b.Output("y", {2}, kHalf);
  b.Output("z", {2}, kHalf);
  auto graph = Import(b.Build());
  ASSERT_TRUE(graph) << graph.error().ToString();
  for (auto passes : {LoadPasses(), SpecializePasses()}) {
    ASSERT_TRUE(RunPasses(*graph, passes));
    ASSERT_TRUE(Verify(*graph));
  }
  EXPECT_EQ(graph->values[graph->inputs[0]].type.dtype, DType::kFloat16);
  for (ValueId v : graph->outputs) EXPECT_EQ(graph->values[v].type.dtype, DType::kFloat16);
  for (const Node& node : graph->nodes)
    if (!std::holds_alternative<Cast>(node.op))
      EXPECT_EQ(graph->values[node.inputs[0]].type.dtype, DType::kFloat32) << Print(*graph);
}

}  // namespace
}  // namespace decal
