// 1x1 convolutions of concats with enlarged parts.
// SPDX-License-Identifier: MIT
#include "tests/support/pass_test.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using testing::Count;
using testing::OnnxAttributes;
using testing::OnnxBuilder;
using testing::Optimise;
using testing::RandomInputs;

struct Part {
  int64_t channels, height, width;  // before it is resized to 12 x 10; that size: not resized
};

// The parts, resized to 12 x 10 and joined, through a 1x1 convolution.
std::string ResizedParts(const std::vector<Part>& parts, int64_t channels_out, bool by_scales = false,
                         const char* mode = "linear", int64_t kernel = 1) {
  OnnxBuilder builder;
  std::mt19937 random(testing::TestSeed(1));
  std::vector<std::string> joined;
  int64_t channels = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const Part& part = parts[i];
    std::string name = "x" + std::to_string(i);
    builder.Input(name, {1, part.channels, part.height, part.width});
    if (part.height != 12 || part.width != 10) {
      const std::string n = std::to_string(i);
      const OnnxAttributes attributes = OnnxAttributes().String("mode", mode);
      name = by_scales ? builder.Node("Resize",
                                      {name, "",
                                       builder.Floats("s" + n, {4},
                                                      {1, 1, 12.0f / static_cast<float>(part.height),
                                                       10.0f / static_cast<float>(part.width)})},
                                      attributes)
                       : builder.Node("Resize", {name, "", "", builder.Ints("s" + n, {1, part.channels, 12, 10})},
                                      attributes);
    }
    joined.push_back(name);
    channels += part.channels;
  }
  const std::string x = builder.Node("Concat", joined, OnnxAttributes().Int("axis", 1));
  const std::string conv =
      builder.Node("Conv",
                   {x, builder.RandomFloats("w", {channels_out, channels, kernel, kernel}, random, -0.4f, 0.4f),
                    builder.RandomFloats("b", {channels_out}, random, -0.4f, 0.4f)},
                   OnnxAttributes()
                       .Ints("kernel_shape", {kernel, kernel})
                       .Ints("pads", {kernel / 2, kernel / 2, kernel / 2, kernel / 2}));
  builder.Node("Relu", {conv}, {"y"});
  builder.Output("y");
  return builder.Build();
}

std::vector<Shape> Shapes(const std::vector<Part>& parts) {
  std::vector<Shape> shapes;
  for (const Part& part : parts) shapes.push_back({1, part.channels, part.height, part.width});
  return shapes;
}

// Extents of the widest map that a Resize makes.
int64_t ResizedChannels(const Graph& graph) {
  int64_t most = 0;
  for (const Node& node : graph.nodes)
    if (std::holds_alternative<Resize>(node.op)) most = std::max(most, (*graph.values[node.outputs[0]].type.shape)[1]);
  return most;
}

TEST(SinkResize, EnlargesWhatTheConvolutionMakes) {
  for (const bool by_scales : {false, true}) {
    for (const char* mode : {"linear", "nearest", "cubic"}) {
      const std::vector<Part> parts = {{9, 3, 5}, {4, 12, 10}};
      const Graph graph = Optimise(ResizedParts(parts, 2, by_scales, mode), RandomInputs(Shapes(parts)));
      EXPECT_EQ(Count(graph, "Conv"), 2u);
      EXPECT_EQ(Count(graph, "Concat"), 0u);
      EXPECT_EQ(Count(graph, {"Add", "Relu"}), 0u) << "the sum belongs to the convolution";
      EXPECT_EQ(ResizedChannels(graph), 2);
    }
  }
}

TEST(SinkResize, TakesSeveralPartsAndAPooledPixel) {
  const std::vector<Part> parts = {{5, 12, 10}, {8, 1, 1}, {3, 12, 10}, {6, 6, 5}, {2, 12, 10}};
  const Graph graph = Optimise(ResizedParts(parts, 4), RandomInputs(Shapes(parts)));
  EXPECT_EQ(Count(graph, "Conv"), 3u);
  EXPECT_EQ(Count(graph, "Resize"), 2u);
  EXPECT_EQ(ResizedChannels(graph), 4);
}

TEST(SinkResize, LeavesWhatWouldNotGain) {
  const std::vector<Part> wider = {{4, 6, 5}, {4, 12, 10}};
  EXPECT_EQ(Count(Optimise(ResizedParts(wider, 7), RandomInputs(Shapes(wider))), "Conv"), 1u)
      << "more channels after than before";
  const std::vector<Part> smaller = {{8, 24, 20}, {4, 12, 10}};
  EXPECT_EQ(Count(Optimise(ResizedParts(smaller, 2), RandomInputs(Shapes(smaller))), "Conv"), 1u) << "the map shrinks";
  const std::vector<Part> all = {{8, 6, 5}, {9, 3, 5}};
  EXPECT_EQ(Count(Optimise(ResizedParts(all, 2), RandomInputs(Shapes(all))), "Conv"), 1u)
      << "nothing would carry the sum";
  const std::vector<Part> parts = {{9, 3, 5}, {4, 12, 10}};
  EXPECT_EQ(Count(Optimise(ResizedParts(parts, 2, false, "linear", 3), RandomInputs(Shapes(parts))), "Conv"), 1u)
      << "a 3x3 window sees the enlarged map";
}

}  // namespace
}  // namespace decal
