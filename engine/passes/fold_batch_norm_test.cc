// Batch norms and additions of channels behind a convolution become its weights and bias; others stay.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/support/pass_test.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

using Dimensions = std::vector<int64_t>;

constexpr int64_t kIn = 4, kOut = 6, kSize = 6;

// A model under construction whose input is x [2,4,6,6]; convolutions make [2,6,6,6], whatever their kind.
struct BatchNormModel {
  OnnxBuilder b;
  std::mt19937 random{testing::TestSeed(8)};
  int constants = 0;
  std::vector<Shape> inputs = {{2, kIn, kSize, kSize}};

  explicit BatchNormModel(int64_t opset = 17) : b(opset) { b.Input("x", {2, kIn, kSize, kSize}); }

  std::string Constant(const Dimensions& shape, float low = -1, float high = 1) {
    return b.RandomFloats("constant" + std::to_string(constants++), shape, random, low, high);
  }
  std::string Conv(bool bias, int64_t group = 1, const std::string& weight = "") {
    const std::string w = weight.empty() ? Constant({kOut, kIn / group, 3, 3}) : weight;
    const OnnxAttributes window = OnnxAttributes().Ints("pads", {1, 1, 1, 1}).Int("group", group);
    return b.Node("Conv", bias ? std::vector{std::string("x"), w, Constant({kOut})} : std::vector{std::string("x"), w},
                  window);
  }
  std::string ConvTranspose(bool bias, int64_t group = 1) {
    const std::string w = Constant({kIn, kOut / group, 3, 3});
    const OnnxAttributes window = OnnxAttributes().Ints("pads", {1, 1, 1, 1}).Int("group", group);
    return b.Node("ConvTranspose",
                  bias ? std::vector{std::string("x"), w, Constant({kOut})} : std::vector{std::string("x"), w}, window);
  }
  std::string BatchNorm(const std::string& v,
                        const OnnxAttributes& attributes = OnnxAttributes().Float("epsilon", 0.25f)) {
    const std::string scale = Constant({kOut}), bias = Constant({kOut}), mean = Constant({kOut});
    return b.Node("BatchNormalization", {v, scale, bias, mean, Constant({kOut}, 0.1f, 2)}, attributes);
  }
  std::string Add(const std::string& v, const Dimensions& shape, bool constant_first = false) {
    const std::string c = Constant(shape);
    return b.Node("Add", constant_first ? std::vector{c, v} : std::vector{v, c});
  }

  // The graph as loaded, when `v` is the output; the passes that specialise it must not change the result
  // either.
  Graph Finish(const std::string& v) {
    b.Node("Neg", {v}, {"y"});  // nothing that later passes move into the convolution
    b.Output("y");
    const std::vector<TestTensor> tensors = RandomInputs(inputs);
    Optimise(b.Build(), tensors);
    auto loaded = Import(b.Build());
    EXPECT_TRUE(RunPasses(*loaded, LoadPasses()));
    EXPECT_TRUE(Verify(*loaded));
    return *std::move(loaded);
  }
};

void ExpectFolded(const Graph& graph) {
  EXPECT_EQ(graph.nodes.size(), 2u) << Print(graph);
  EXPECT_EQ(Count(graph, {"Conv", "ConvTranspose"}), 1u) << Print(graph);
}
void ExpectNormStays(const Graph& graph) { EXPECT_EQ(Count(graph, "BatchNormalization"), 1u) << Print(graph); }

TEST(FoldBatchNorm, BehindEveryConvolution) {
  for (const bool bias : {false, true}) {
    for (const int64_t group : {1, 2}) {
      BatchNormModel m;
      ExpectFolded(m.Finish(m.BatchNorm(m.Conv(bias, group))));
    }
    BatchNormModel m;
    ExpectFolded(m.Finish(m.BatchNorm(m.ConvTranspose(bias))));
  }
}

TEST(FoldBatchNorm, BehindAnAddedBias) {
  for (const Dimensions& shape : {Dimensions{kOut, 1, 1}, {1, kOut, 1, 1}})
    for (const bool constant_first : {false, true})
      for (const bool with_norm : {false, true}) {
        BatchNormModel conv, transposed;
        const std::string sum = conv.Add(conv.Conv(false), shape, constant_first);
        ExpectFolded(conv.Finish(with_norm ? conv.BatchNorm(sum) : sum));
        const std::string other = transposed.Add(transposed.ConvTranspose(false), shape, constant_first);
        ExpectFolded(transposed.Finish(with_norm ? transposed.BatchNorm(other) : other));
      }
}

TEST(FoldBatchNorm, OfOneDimension) {
  OnnxBuilder b;
  std::mt19937 random(testing::TestSeed(5));
  b.Input("x", {2, 3, 8});
  b.RandomFloats("w", {4, 3, 3}, random);
  for (const char* name : {"scale", "bias", "mean"}) b.RandomFloats(name, {4}, random);
  b.RandomFloats("var", {4}, random, 0.1f, 2);
  b.Node("BatchNormalization", {b.Node("Conv", {"x", "w"}), "scale", "bias", "mean", "var"}, {"y"});
  b.Output("y");
  EXPECT_EQ(Count(Optimise(b.Build(), RandomInputs({{2, 3, 8}})), "BatchNormalization"), 0u);
}

TEST(FoldBatchNorm, TheSecondOfTwoStays) {
  BatchNormModel norms;
  ExpectNormStays(norms.Finish(norms.BatchNorm(norms.BatchNorm(norms.Conv(true)))));
  BatchNormModel biases;
  const Graph graph = biases.Finish(biases.Add(biases.Add(biases.Conv(false), {kOut, 1, 1}), {kOut, 1, 1}));
  EXPECT_EQ(Count(graph, "Add"), 1u) << Print(graph);
}

TEST(FoldBatchNorm, ConvolutionsThatShareAWeightKeepTheirOwn) {
  BatchNormModel m;
  const std::string weight = m.Constant({kOut, kIn, 3, 3});
  const std::string normal = m.BatchNorm(m.Conv(false, 1, weight)), plain = m.Conv(true, 1, weight);
  const Graph graph = m.Finish(m.b.Node("Mul", {normal, plain}));
  EXPECT_EQ(Count(graph, "Conv"), 2u) << Print(graph);
  EXPECT_EQ(Count(graph, "BatchNormalization"), 0u) << Print(graph);
}

TEST(FoldBatchNorm, BiasesAndNormsThatShareParametersKeepTheirOwn) {
  BatchNormModel m;
  const std::string bias = m.Constant({kOut, 1, 1});
  const std::string first = m.BatchNorm(m.b.Node("Add", {m.Conv(false), bias}));
  const Graph graph = m.Finish(m.b.Node("Mul", {first, m.b.Node("Add", {bias, m.Conv(false)})}));
  EXPECT_EQ(Count(graph, {"Add", "BatchNormalization"}), 0u) << Print(graph);
}

TEST(FoldBatchNorm, WeightsOfHalfPrecision) {
  OnnxBuilder b;  // large enough to stay half until they are packed
  std::mt19937 random(testing::TestSeed(5));
  std::uniform_real_distribution<float> uniform(-0.1f, 0.1f);
  std::vector<Half> halves;
  for (int i = 0; i < 48 * 40 * 9; ++i) halves.push_back(Half(uniform(random)));
  b.Input("x", {1, 40, 3, 3});
  b.Tensor("half", {48, 40, 3, 3}, 10, halves);
  const std::string w = b.Node("Cast", {"half"}, OnnxAttributes().Int("to", 1));
  for (const char* name : {"scale", "bias", "mean"}) b.RandomFloats(name, {48}, random);
  b.RandomFloats("var", {48}, random, 0.1f, 2);
  b.Node("BatchNormalization", {b.Node("Conv", {"x", w}), "scale", "bias", "mean", "var"}, {"y"});
  b.Output("y");
  auto graph = Import(b.Build());
  ASSERT_TRUE(RunPasses(*graph, LoadPasses()));
  EXPECT_EQ(Count(*graph, "BatchNormalization"), 0u) << Print(*graph);
  EXPECT_EQ(Count(Optimise(b.Build(), RandomInputs({{1, 40, 3, 3}})), "Conv"), 1u);
}

// ---- near misses -------------------------------------------------------------------------------

TEST(FoldBatchNorm, AGroupedTransposedConvolutionKeepsItsNorm) {
  BatchNormModel m;
  ExpectNormStays(m.Finish(m.BatchNorm(m.ConvTranspose(false, 2))));
}

TEST(FoldBatchNorm, OtherOperandsOfTheAdditionStay) {
  // Columns (as many as channels), rows, one number, a picture.
  for (const Dimensions& shape : {Dimensions{kSize}, {kSize, 1}, {1}, {1, 1, kSize, kSize}, {kOut, kSize, 1}}) {
    BatchNormModel m;
    const Graph graph = m.Finish(m.BatchNorm(m.Add(m.Conv(false), shape)));
    EXPECT_EQ(Count(graph, "Add"), 1u) << Print(graph);
    ExpectNormStays(graph);
  }
  BatchNormModel wide;  // [2,6,6,6] becomes [1,2,6,6,6]
  EXPECT_EQ(Count(wide.Finish(wide.Add(wide.Conv(false), {1, 1, kOut, 1, 1})), "Add"), 1u);
  BatchNormModel computed;
  computed.b.Input("shift", {kOut, 1, 1});
  computed.inputs.push_back({kOut, 1, 1});
  EXPECT_EQ(Count(computed.Finish(computed.b.Node("Add", {computed.Conv(false), "shift"})), "Add"), 1u);
}

TEST(FoldBatchNorm, AnAdditionBehindABiasStays) {
  BatchNormModel m;
  const Graph graph = m.Finish(m.BatchNorm(m.Add(m.Conv(true), {kOut, 1, 1})));
  EXPECT_EQ(Count(graph, "Add"), 1u) << Print(graph);
  ExpectNormStays(graph);
}

TEST(FoldBatchNorm, WhatOthersReadStays) {
  for (const bool is_output : {false, true})
    for (const bool add : {false, true}) {
      BatchNormModel m;
      const std::string conv = m.Conv(false);
      if (is_output) m.b.Output(conv);
      const std::string behind = add ? m.Add(conv, {kOut, 1, 1}) : m.BatchNorm(conv);
      const Graph graph = m.Finish(is_output ? behind : m.b.Node("Mul", {behind, conv}));
      EXPECT_EQ(Count(graph, {"Add", "BatchNormalization"}), 1u) << Print(graph);
    }
  BatchNormModel sum;  // the biased value has a reader beside the norm: the bias goes, the norm stays
  const std::string biased = sum.Add(sum.Conv(false), {kOut, 1, 1});
  const Graph graph = sum.Finish(sum.b.Node("Mul", {sum.BatchNorm(biased), biased}));
  EXPECT_EQ(Count(graph, "Add"), 0u) << Print(graph);
  ExpectNormStays(graph);
}

TEST(FoldBatchNorm, ANormOfSomethingElseStays) {
  BatchNormModel m;
  ExpectNormStays(m.Finish(m.BatchNorm(m.b.Node("Relu", {m.Conv(true)}))));
}

TEST(FoldBatchNorm, ATrainingNormStays) {
  BatchNormModel m;
  ExpectNormStays(m.Finish(m.BatchNorm(m.Conv(true), OnnxAttributes().Int("training_mode", 1))));
}

TEST(FoldBatchNorm, ComputedParametersStay) {
  BatchNormModel m;
  m.b.Input("mean", {kOut});
  m.inputs.push_back({kOut});
  const std::string scale = m.Constant({kOut}), bias = m.Constant({kOut}), var = m.Constant({kOut}, 0.1f, 2);
  ExpectNormStays(m.Finish(m.b.Node("BatchNormalization", {m.Conv(true), scale, bias, "mean", var})));
}

TEST(FoldBatchNorm, AComputedWeightOrBiasStays) {
  for (const bool weight : {true, false}) {
    BatchNormModel m;
    const Dimensions shape = weight ? Dimensions{kOut, kIn, 3, 3} : Dimensions{kOut};
    m.b.Input("p", shape);
    m.inputs.push_back(weight ? Shape{kOut, kIn, 3, 3} : Shape{kOut});
    const std::vector<std::string> inputs =
        weight ? std::vector<std::string>{"x", "p"} : std::vector<std::string>{"x", m.Constant({kOut, kIn, 3, 3}), "p"};
    ExpectNormStays(m.Finish(m.BatchNorm(m.b.Node("Conv", inputs, OnnxAttributes().Ints("pads", {1, 1, 1, 1})))));
  }
}

}  // namespace
}  // namespace decal
