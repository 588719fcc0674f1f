// Lowered quantised graphs against the references of the graphs as they were, within a step of the quantisation.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "engine/passes/passes.h"
#include "tests/support/reference_runner.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

size_t CountOf(const Graph& graph, const std::string& op) {
  size_t n = 0;
  for (const Node& node : graph.nodes) n += OpName(node.op) == op;
  return n;
}

// The graph after all passes, its first output compared with the unlowered graph's.
Graph Lower(const std::string& model, const Shape& shape, float tolerance) {
  std::mt19937 random(testing::TestSeed(5));
  std::vector<TestTensor> inputs;
  inputs.push_back(TestTensor::Dense(shape));
  inputs[0].FillRandom(random, -1, 1);
  auto plain = ImportAndInfer(model), graph = Import(model);
  EXPECT_TRUE(plain) << plain.error().ToString();
  for (auto passes : {LoadPasses(), SpecializePasses()}) {
    const Status status = RunPasses(*graph, passes);
    EXPECT_TRUE(status) << (status ? "" : status.error().ToString());
    EXPECT_TRUE(Verify(*graph));
  }
  const std::vector<float> expected = RunByReference(*plain, inputs)[0], actual = RunByReference(*graph, inputs)[0];
  EXPECT_EQ(expected.size(), actual.size());
  float largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(actual[i], expected[i], tolerance);
    largest = std::max(largest, std::abs(expected[i]));
  }
  EXPECT_GT(largest, 4 * tolerance) << "the tolerance hides the result";
  return *std::move(graph);
}

constexpr int kFloat = 1, kUint8 = 2, kInt8 = 3;

std::vector<int8_t> Codes(size_t n) {
  std::vector<int8_t> codes(n);
  for (size_t i = 0; i < n; ++i) codes[i] = static_cast<int8_t>((i * 37) % 255 - 127);
  return codes;
}

// What onnxruntime's quantize_dynamic makes of a product of x by int8 weights.
struct DynamicProduct {
  OnnxBuilder b;
  std::string product;  // as integers

  explicit DynamicProduct(bool conv) {
    if (conv) b.Input("x", {1, 4, 6, 5});
    else b.Input("x", {7, 8});
    b.Node("DynamicQuantizeLinear", {"x"}, {"q", "s", "z"});
    if (conv) b.Tensor<int8_t>("w", {3, 4, 3, 3}, kInt8, Codes(3 * 4 * 9));
    else b.Tensor<int8_t>("w", {8, 3}, kInt8, Codes(24));
    b.Tensor<int8_t>("w_zero", {}, kInt8, {3});
    const OnnxAttributes pads = OnnxAttributes().Ints("pads", {1, 1, 1, 1});
    product = conv ? b.Node("ConvInteger", {"q", "w", "z", "w_zero"}, pads)
                   : b.Node("MatMulInteger", {"q", "w", "z", "w_zero"});
  }
  std::string Build(const std::string& factor, bool cast_first = true) {
    const std::string cast = b.Node("Cast", {product}, OnnxAttributes().Int("to", kFloat));
    b.Node("Mul", cast_first ? std::vector{cast, factor} : std::vector{factor, cast}, {"y"});
    b.Output("y");
    return b.Build();
  }
};

// Each of `depth` factors is off by at most half a step of 2 / 255, times a weight of at most 130 * 0.01.
float DynamicTolerance(int depth) { return 0.5f * 2 / 255 * 130 * 0.01f * static_cast<float>(depth) * 0.5f; }

TEST(LowerQuantized, DynamicMatMulWithOneOrManyScales) {
  for (const bool per_column : {false, true}) {
    DynamicProduct p(false);
    if (per_column) p.b.Floats("ws", {3}, {0.01f, 0.005f, 0.0075f});
    else p.b.Floats("ws", {1}, {0.01f});
    const Graph graph = Lower(p.Build(p.b.Node("Mul", {"s", "ws"}), per_column), {7, 8}, DynamicTolerance(8));
    EXPECT_EQ(graph.nodes.size(), 1u) << Print(graph);
    EXPECT_EQ(CountOf(graph, "MatMul"), 1u) << Print(graph);
  }
}

TEST(LowerQuantized, DynamicConvWithOneOrManyScales) {
  for (const bool per_channel : {false, true}) {
    DynamicProduct p(true);
    if (per_channel) p.b.Floats("ws", {3, 1, 1}, {0.01f, 0.005f, 0.0075f});
    else p.b.Floats("ws", {}, {0.01f});
    const Graph graph = Lower(p.Build(p.b.Node("Mul", {"ws", "s"})), {1, 4, 6, 5}, DynamicTolerance(36));
    EXPECT_EQ(CountOf(graph, "Conv"), 1u) << Print(graph);
    EXPECT_EQ(CountOf(graph, "ConvInteger") + CountOf(graph, "DynamicQuantizeLinear") + CountOf(graph, "Mul"), 0u);
  }
}

TEST(LowerQuantized, ASharedWeightIsDequantisedOnce) {
  DynamicProduct p(false);
  p.b.Floats("ws", {1}, {0.01f});
  p.b.Node("DynamicQuantizeLinear", {p.b.Node("Neg", {"x"})}, {"q2", "s2", "z2"});
  const std::string second = p.b.Node("MatMulInteger", {"q2", "w", "z2", "w_zero"});
  const std::string floats = p.b.Node("Cast", {second}, OnnxAttributes().Int("to", kFloat));
  p.b.Node("Mul", {floats, p.b.Node("Mul", {"s2", "ws"})}, {"y2"});
  const std::string first = p.b.Node("Cast", {p.product}, OnnxAttributes().Int("to", kFloat));
  p.b.Node("Mul", {first, p.b.Node("Mul", {"s", "ws"})}, {"y"});
  p.b.Output("y");
  p.b.Output("y2");
  const Graph graph = Lower(p.b.Build(), {7, 8}, DynamicTolerance(8));
  std::vector<ValueId> weights;
  for (const Node& node : graph.nodes)
    if (std::holds_alternative<MatMul>(node.op)) weights.push_back(node.inputs[1]);
  ASSERT_EQ(weights.size(), 2u) << Print(graph);
  EXPECT_EQ(weights[0], weights[1]);
}

TEST(LowerQuantized, OtherScalesThanThoseOfTheCodesStay) {
  DynamicProduct p(false);  // the product is multiplied by the scale of another tensor's codes
  p.b.Node("DynamicQuantizeLinear", {p.b.Node("Add", {"x", p.b.Floats("one", {}, {1})})}, {"q2", "s2", "z2"});
  p.b.Floats("ws", {1}, {0.01f});
  EXPECT_EQ(CountOf(Lower(p.Build(p.b.Node("Mul", {"s2", "ws"})), {7, 8}, 1e-4f), "MatMulInteger"), 1u);
}

TEST(LowerQuantized, AScaleThatAddsADimensionStays) {
  DynamicProduct p(false);
  p.b.Floats("ws", {1, 1, 1}, {0.01f});
  EXPECT_EQ(CountOf(Lower(p.Build(p.b.Node("Mul", {"s", "ws"})), {7, 8}, 1e-4f), "MatMulInteger"), 1u);
}

TEST(LowerQuantized, PairsBecomeOneRoundingThatClips) {
  OnnxBuilder b;
  b.Input("x", {4, 5});
  b.Floats("s", {}, {0.05f});
  b.Tensor<int8_t>("z", {}, kUint8, {10});  // clips at -0.5 and does not reach 1
  const std::string doubled = b.Node("Add", {"x", "x"});
  b.Node("DequantizeLinear", {b.Node("QuantizeLinear", {doubled, "s", "z"}), "s", "z"}, {"y"});
  b.Output("y");
  const Graph graph = Lower(b.Build(), {4, 5}, 1e-6f);
  EXPECT_EQ(CountOf(graph, "RoundToGrid"), 1u) << Print(graph);
  EXPECT_EQ(CountOf(graph, "QuantizeLinear") + CountOf(graph, "DequantizeLinear"), 0u);
}

TEST(LowerQuantized, PairsOfDifferentScalesStay) {
  OnnxBuilder b;
  b.Input("x", {4, 5});
  b.Floats("s", {}, {0.05f});
  b.Floats("t", {}, {0.06f});
  b.Tensor<int8_t>("z", {}, kUint8, {10});
  b.Node("DequantizeLinear", {b.Node("QuantizeLinear", {"x", "s", "z"}), "t", "z"}, {"y"});
  b.Output("y");
  EXPECT_EQ(CountOf(Lower(b.Build(), {4, 5}, 1e-6f), "RoundToGrid"), 0u);
}

TEST(LowerQuantized, QLinearConvRunsAsConv) {
  OnnxBuilder b;
  b.Input("x", {1, 4, 6, 5});
  b.Floats("s", {}, {2.0f / 255});
  b.Tensor<int8_t>("z", {}, kUint8, {127});
  b.Tensor<int8_t>("w", {3, 4, 1, 1}, kInt8, Codes(12));
  b.Floats("ws", {3}, {0.01f, 0.005f, 0.0075f});
  b.Tensor<int8_t>("wz", {3}, kInt8, {0, 0, 0});
  b.Floats("ys", {}, {0.02f});
  b.Node("QLinearConv", {b.Node("QuantizeLinear", {"x", "s", "z"}), "s", "z", "w", "ws", "wz", "ys", "z"}, {"q"});
  b.Node("DequantizeLinear", {"q", "ys", "z"}, {"y"});
  b.Output("y");
  const Graph graph = Lower(b.Build(), {1, 4, 6, 5}, 0.02f + 1e-5f);  // a tie may fall to the other side
  EXPECT_EQ(CountOf(graph, "RoundToGrid"), 2u) << Print(graph);
  EXPECT_EQ(CountOf(graph, "Conv"), 1u);
  EXPECT_EQ(CountOf(graph, "QuantizeLinear") + CountOf(graph, "DequantizeLinear"), 0u);
}

}  // namespace
}  // namespace decal
