// Norms of parts of the channels become one operator; what only looks like it stays.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/support/pass_test.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

// Slices of x [2, 12, 5, 4], normalised and concatenated.
struct PartsModel {
  OnnxBuilder b;
  std::mt19937 random{testing::TestSeed(1)};
  int constants = 0;

  explicit PartsModel(const std::vector<int64_t>& x = {2, 12, 5, 4}) { b.Input("x", x); }

  std::string Vector(int64_t n, float low = 0.5f, float high = 2) {
    return b.RandomFloats("constant" + std::to_string(constants++), {n}, random, low, high);
  }
  std::string Ints(const std::vector<int64_t>& values) { return b.Ints("ints" + std::to_string(constants++), values); }
  std::string Slice(int64_t first, int64_t end, int64_t axis = 1) {
    return b.Node("Slice", {"x", Ints({first}), Ints({end}), Ints({axis})});
  }
  std::string Batch(const std::string& x, int64_t n) {
    return b.Node("BatchNormalization", {x, Vector(n), Vector(n, -1, 1), Vector(n, -1, 1), Vector(n)},
                  OnnxAttributes().Float("epsilon", 1e-3f));
  }
  std::string Instance(const std::string& x, int64_t n, float epsilon = 1e-3f) {
    return b.Node("InstanceNormalization", {x, Vector(n), Vector(n, -1, 1)},
                  OnnxAttributes().Float("epsilon", epsilon));
  }
  std::string Concat(const std::vector<std::string>& parts) {
    return b.Node("Concat", parts, OnnxAttributes().Int("axis", 1));
  }
  Graph Finish(const std::string& v, const Shape& x = {2, 12, 5, 4}) {
    b.Node("Identity", {v}, {"y"});
    b.Output("y");
    return Optimise(b.Build(), RandomInputs({x}));
  }
};

const InstanceNorm* OnlyNorm(const Graph& graph) {
  const InstanceNorm* norm = nullptr;
  for (const Node& node : graph.nodes)
    if (const auto* op = std::get_if<InstanceNorm>(&node.op)) norm = op;
  return Count(graph, {"InstanceNormalization", "BatchNormalization", "Concat", "Strided", "Relu", "Clip"}) == 1
             ? norm
             : nullptr;
}

TEST(FuseInstanceNorms, PartsInAnyOrder) {
  struct Case {
    const char* kinds;  // of parts of 4 channels
    int64_t first, end;
  };
  for (const Case& c :
       {Case{"bii", 4, 12}, Case{"iib", 0, 8}, Case{"bib", 4, 8}, Case{"bbi", 8, 12}, Case{"iii", 0, 12}}) {
    PartsModel m;
    std::vector<std::string> parts;
    for (int64_t i = 0; i < 3; ++i) {
      const std::string slice = m.Slice(4 * i, 4 * i + 4);
      parts.push_back(c.kinds[i] == 'b' ? m.Batch(slice, 4) : m.Instance(slice, 4));
    }
    const Graph graph = m.Finish(m.b.Node("Relu", {m.Concat(parts)}));
    const InstanceNorm* norm = OnlyNorm(graph);
    ASSERT_NE(norm, nullptr) << c.kinds << "\n" << Print(graph);
    EXPECT_EQ(norm->first, c.first);
    EXPECT_EQ(norm->end, c.end);
    EXPECT_EQ(norm->low, 0);
  }
}

TEST(FuseInstanceNorms, LimitsBehindAWholeNorm) {
  PartsModel m;
  const std::string clipped =
      m.b.Node("Clip", {m.Instance("x", 12), m.b.Floats("low", {}, {-0.5f}), m.b.Floats("high", {}, {0.75f})});
  const Graph graph = m.Finish(clipped);
  const InstanceNorm* norm = OnlyNorm(graph);
  ASSERT_NE(norm, nullptr) << Print(graph);
  EXPECT_EQ(norm->low, -0.5f);
  EXPECT_EQ(norm->high, 0.75f);
}

TEST(FuseInstanceNorms, SplitsAreSlices) {
  PartsModel m;
  m.b.Node("Split", {"x", m.Ints({5, 7})}, std::vector<std::string>{"left", "right"}, OnnxAttributes().Int("axis", 1));
  const Graph graph = m.Finish(m.Concat({m.Instance("left", 5), m.Batch("right", 7)}));
  ASSERT_NE(OnlyNorm(graph), nullptr) << Print(graph);
}

TEST(FuseInstanceNorms, WhatDiffersStays) {
  const auto norms = [](const Graph& graph) { return Count(graph, {"InstanceNormalization", "BatchNormalization"}); };
  {  // in another order
    PartsModel m;
    EXPECT_EQ(norms(m.Finish(m.Concat({m.Batch(m.Slice(6, 12), 6), m.Instance(m.Slice(0, 6), 6)}))), 2u);
  }
  {  // apart
    PartsModel m;
    EXPECT_EQ(norms(m.Finish(
                  m.Concat({m.Instance(m.Slice(0, 4), 4), m.Batch(m.Slice(4, 8), 4), m.Instance(m.Slice(8, 12), 4)}))),
              3u);
  }
  {  // another epsilon
    PartsModel m;
    EXPECT_EQ(norms(m.Finish(m.Concat({m.Instance(m.Slice(0, 6), 6), m.Instance(m.Slice(6, 12), 6, 0.1f)}))), 2u);
  }
  {  // not all channels
    PartsModel m;
    EXPECT_EQ(norms(m.Finish(m.Concat({m.Batch(m.Slice(0, 5), 5), m.Instance(m.Slice(5, 11), 6)}))), 2u);
  }
  {  // batch norms alone, and a part that somebody else reads
    PartsModel m;
    EXPECT_EQ(norms(m.Finish(m.Concat({m.Batch(m.Slice(0, 6), 6), m.Batch(m.Slice(6, 12), 6)}))), 2u);
    PartsModel shared;
    const std::string left = shared.Batch(shared.Slice(0, 6), 6);
    const std::string whole = shared.Concat({left, shared.Instance(shared.Slice(6, 12), 6)});
    EXPECT_EQ(norms(shared.Finish(shared.Concat({whole, left}))), 2u);
  }
  {  // limited before the other half is there
    PartsModel m;
    const std::string left = m.b.Node("Relu", {m.Instance(m.Slice(0, 6), 6)});
    EXPECT_EQ(norms(m.Finish(m.Concat({left, m.Batch(m.Slice(6, 12), 6)}))), 2u);
  }
}

}  // namespace
}  // namespace decal
