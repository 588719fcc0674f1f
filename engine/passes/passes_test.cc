// Passes: each rewrites what its comment draws, and never changes the result.
// SPDX-License-Identifier: MIT
#include "engine/passes/passes.h"

#include <gtest/gtest.h>

#include "tests/support/pass_test.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using testing::Count;
using testing::Import;
using testing::OnnxAttributes;
using testing::OnnxBuilder;
using testing::Optimise;
using testing::TestTensor;

std::vector<TestTensor> RandomInput(const Shape& shape, uint32_t seed = 1) {
  std::mt19937 random(testing::TestSeed(seed));
  std::vector<TestTensor> inputs;
  inputs.push_back(TestTensor::Dense(shape));
  inputs[0].FillRandom(random, -2, 2);
  return inputs;
}

OnnxAttributes Same3x3() { return OnnxAttributes().Ints("kernel_shape", {3, 3}).Ints("pads", {1, 1, 1, 1}); }

// A convolution of the input "x" and the parameters of a batch norm after it; returns the convolution's output.
std::string ConvForBatchNorm(OnnxBuilder& b) {
  std::mt19937 random(testing::TestSeed(2));
  b.Input("x", {1, 3, 6, 5});
  b.RandomFloats("w", {4, 3, 3, 3}, random);
  for (const char* name : {"scale", "bias", "mean"}) b.RandomFloats(name, {4}, random);
  b.RandomFloats("var", {4}, random, 0.1f, 2);
  return b.Node("Conv", {"x", "w"}, Same3x3());
}

TEST(Passes, BatchNormDisappearsIntoTheConvolution) {
  OnnxBuilder b;
  const std::string c = ConvForBatchNorm(b);
  b.Node("BatchNormalization", {c, "scale", "bias", "mean", "var"}, {"y"});
  b.Output("y");
  const Graph graph = Optimise(b.Build(), RandomInput({1, 3, 6, 5}));
  EXPECT_EQ(Count(graph, "BatchNormalization"), 0u);
  EXPECT_EQ(Count(graph, "Conv"), 1u);
}

TEST(Passes, BatchNormStaysWhenTheConvolutionIsUsedTwice) {
  OnnxBuilder b;
  const std::string c = ConvForBatchNorm(b);
  const std::string n = b.Node("BatchNormalization", {c, "scale", "bias", "mean", "var"});
  b.Node("Mul", {n, c}, {"y"});
  b.Output("y");
  EXPECT_EQ(Count(Optimise(b.Build(), RandomInput({1, 3, 6, 5})), "BatchNormalization"), 1u);
}

TEST(Passes, EpiloguesTakeActivationBiasAndResidual) {
  std::mt19937 random(testing::TestSeed(3));
  for (const bool residual_first : {true, false}) {
    OnnxBuilder b;
    b.Input("x", {1, 4, 6, 5});
    b.RandomFloats("w", {4, 4, 3, 3}, random);
    b.RandomFloats("shift", {1, 4, 1, 1}, random);
    std::string t = b.Node("Add", {b.Node("Conv", {"x", "w"}, Same3x3()), "shift"});
    if (residual_first) t = b.Node("Relu", {b.Node("Add", {"x", t})});
    else t = b.Node("Add", {b.Node("Relu", {t}), "x"});
    b.Node("Identity", {t}, {"y"});
    b.Output("y");
    const Graph graph = Optimise(b.Build(), RandomInput({1, 4, 6, 5}));
    EXPECT_EQ(Count(graph, "Add") + Count(graph, "Relu"), 0u) << Print(graph);
    EXPECT_EQ(Count(graph, "Conv"), 1u);
  }
}

// PyTorch's ReLU6. Limits in the wrong order stay as they are.
TEST(Passes, LimitsAfterALimitBecomeOne) {
  struct Limits {
    float low, high;
    size_t clips;  // that stay
  };
  for (const Limits limits : {Limits{0, 6, 0}, {-0.5f, 0.5f, 0}, {0.25f, 0.75f, 0}, {-2, -1, 0}, {1, -1, 1}}) {
    for (const bool relu_first : {true, false}) {
      std::mt19937 random(testing::TestSeed(5));
      OnnxBuilder b;
      b.Input("x", {1, 4, 6, 5});
      b.RandomFloats("w", {4, 4, 3, 3}, random);
      const std::string low = b.Floats("low", {}, {limits.low}), high = b.Floats("high", {}, {limits.high});
      std::string t = b.Node("Conv", {"x", "w"}, Same3x3());
      if (relu_first) t = b.Node("Clip", {b.Node("Relu", {t}), low, high});
      else t = b.Node("Relu", {b.Node("Clip", {t, low, high})});
      b.Node("Identity", {t}, {"y"});
      b.Output("y");
      const Graph graph = Optimise(b.Build(), RandomInput({1, 4, 6, 5}));
      EXPECT_EQ(Count(graph, "Clip") + Count(graph, "Relu"), limits.clips) << Print(graph);
      EXPECT_EQ(Count(graph, "Conv"), 1u);
    }
  }
}

TEST(Passes, PReluSlopeJoinsTheEpilogueBeforeTheResidual) {
  std::mt19937 random(testing::TestSeed(4));
  OnnxBuilder b;
  b.Input("x", {1, 4, 6, 5});
  b.RandomFloats("w", {4, 4, 3, 3}, random);
  b.RandomFloats("slope", {4, 1, 1}, random);
  const std::string sum = b.Node("Add", {b.Node("Conv", {"x", "w"}, Same3x3()), "x"});
  b.Node("PRelu", {sum, "slope"}, {"y"});
  b.Output("y");
  const Graph graph = Optimise(b.Build(), RandomInput({1, 4, 6, 5}));
  EXPECT_EQ(Count(graph, "PRelu") + Count(graph, "Add"), 0u) << Print(graph);
}

TEST(Passes, HardSwishIsRecognisedInEitherOrder) {
  for (const bool x_first : {true, false}) {
    std::mt19937 random(testing::TestSeed(7));
    OnnxBuilder b;
    b.Input("x", {1, 3, 4, 4});
    b.RandomFloats("w", {4, 3, 3, 3}, random);
    const std::string c = b.Node("Conv", {"x", "w"}, Same3x3());
    const std::string shifted = b.Node("Add", {c, b.Floats("three", {1}, {3})});
    const std::string clipped = b.Node("Clip", {shifted, b.Floats("zero", {}, {0}), b.Floats("six", {}, {6})});
    const std::string gate = b.Node("Mul", {b.Floats("sixth", {}, {1.0f / 6}), clipped});
    b.Node("Mul", x_first ? std::vector{c, gate} : std::vector{gate, c}, {"y"});
    b.Output("y");
    const Graph graph = Optimise(b.Build(), RandomInput({1, 3, 4, 4}));
    EXPECT_EQ(Count(graph, "Conv"), 1u);
    EXPECT_EQ(Count(graph, "Mul") + Count(graph, "Add") + Count(graph, "Clip"), 0u) << Print(graph);
  }
}

TEST(Passes, ShapeArithmeticFoldsAway) {
  std::mt19937 random(testing::TestSeed(5));
  OnnxBuilder b;
  b.Input("x", {1, 2, 8, 6});
  const std::string shape = b.Node("Shape", {"x"});
  const std::string spatial = b.Node("Slice", {shape, b.Ints("two", {2}), b.Ints("four", {4}), b.Ints("zero", {0})});
  const std::string doubled = b.Node("Mul", {spatial, b.Ints("factor", {2})});
  const std::string lead = b.Node("Slice", {shape, "zero", "two", "zero"});
  const std::string sizes = b.Node("Concat", {lead, doubled}, OnnxAttributes().Int("axis", 0));
  b.Node("Resize", {"x", "", "", sizes}, {"y"}, OnnxAttributes().String("mode", "linear"));
  b.Output("y");
  const Graph graph = Optimise(b.Build(), RandomInput({1, 2, 8, 6}));
  for (const Node& node : graph.nodes) {
    const std::string op = OpName(node.op);
    EXPECT_TRUE(op == "Resize" || op == "Relayout") << op;
  }
  EXPECT_EQ(graph.values[graph.outputs[0]].type.shape->ToString(), "[1,2,16,12]");
}

TEST(Passes, DataDependentShapesAreRefusedByName) {
  OnnxBuilder b;
  b.Input("x", {1, 4});
  b.Node("Reshape", {"x", b.Node("Cast", {"x"}, OnnxAttributes().Int("to", 7))}, {"y"});
  b.Output("y");
  auto graph = Import(b.Build());
  ASSERT_TRUE(graph);
  const Status status = RunPasses(*graph, SpecializePasses());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kUnsupportedOperator);
  EXPECT_EQ(status.error().where, "Reshape 'Reshape_1'");
}

TEST(Passes, CanonicalFormsDropWhatDoesNothing) {
  OnnxBuilder b;
  b.Input("x", {1, 1, 4, 3});
  std::string t = b.Node("Transpose", {"x"}, OnnxAttributes().Ints("perm", {0, 2, 1, 3}));  // moves a size of 1
  t = b.Node("Reshape", {t, b.Ints("shape", {1, 1, 4, 3})});
  t = b.Node("Slice", {t, b.Ints("s", {0}), b.Ints("e", {100}), b.Ints("a", {2})});
  t = b.Node("Resize", {t, "", "", b.Ints("sizes", {1, 1, 4, 3})}, OnnxAttributes().String("mode", "linear"));
  b.Node("AveragePool", {t}, {"y"}, OnnxAttributes().Ints("kernel_shape", {4, 3}));
  b.Output("y");
  const Graph graph = Optimise(b.Build(), RandomInput({1, 1, 4, 3}));
  EXPECT_EQ(Count(graph, "GlobalAveragePool"), 1u) << Print(graph);
  EXPECT_EQ(Count(graph, "Slice") + Count(graph, "Resize") + Count(graph, "Transpose") + Count(graph, "AveragePool"),
            0u);
}

TEST(Passes, AReversingSliceStays) {
  OnnxBuilder b;
  b.Input("x", {1, 4});
  b.Node("Slice", {"x", b.Ints("s", {-1}), b.Ints("e", {-100}), b.Ints("a", {1}), b.Ints("p", {-1})}, {"y"});
  b.Output("y");
  EXPECT_EQ(Count(Optimise(b.Build(), RandomInput({1, 4})), "Strided"), 1u);
}

// Found by a conformance case: window recognition divided by a size of 0.
TEST(Passes, MovementOfNothingIsNotComposed) {
  OnnxBuilder b;
  b.Input("x", {3, 4, 0});
  b.Ints("shape", {2, 0, 6});
  b.Node("Reshape", {b.Node("Transpose", {"x"}, OnnxAttributes().Ints("perm", {2, 0, 1})), "shape"}, {"y"},
         OnnxAttributes().Int("allowzero", 1));
  b.Output("y");
  Result<Graph> graph = Import(b.Build());
  ASSERT_TRUE(graph);
  graph->values[graph->inputs[0]].type.shape = Shape{3, 4, 0};  // a size of 0 in a file counts as dynamic
  ASSERT_TRUE(RunPasses(*graph, LoadPasses()));
  ASSERT_TRUE(RunPasses(*graph, SpecializePasses()));
  EXPECT_EQ(*graph->values[graph->outputs[0]].type.shape, (Shape{2, 0, 6}));
}

TEST(Passes, ChannelsLastInputNeedsNoTranspose) {
  std::mt19937 random(testing::TestSeed(6));
  OnnxBuilder b;
  b.Input("x", {1, 6, 5, 3});
  b.RandomFloats("w", {4, 3, 3, 3}, random);
  const std::string t = b.Node("Transpose", {"x"}, OnnxAttributes().Ints("perm", {0, 3, 1, 2}));
  b.Node("Transpose", {b.Node("Conv", {t, "w"}, Same3x3())}, {"y"}, OnnxAttributes().Ints("perm", {0, 2, 3, 1}));
  b.Output("y");
  const Graph graph = Optimise(b.Build(), RandomInput({1, 6, 5, 3}));
  EXPECT_EQ(Count(graph, "Relayout"), 0u) << Print(graph);
}

}  // namespace
}  // namespace decal
