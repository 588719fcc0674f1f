// Composed movement: the values of the chains it replaces, by the references and through the whole pipeline.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <string>

#include "decal/session.h"
#include "tests/support/pass_test.h"
#include "tests/support/random_movement.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

using Outputs = std::vector<std::vector<float>>;

// 0, 1, 2, ..: exact in float and int64, and no two elements alike.
std::vector<TestTensor> CountingInput(const Shape& shape) {
  std::vector<TestTensor> inputs;
  inputs.push_back(TestTensor::Dense(shape));
  float* values = inputs[0].mutable_view().as<float>();
  for (int64_t i = 0; i < shape.elements(); ++i) values[i] = static_cast<float>(i);
  return inputs;
}

Graph Composed(const std::string& model) { return AfterPass(model, "compose-movement"); }

// Values of the model as it is, once compared with what composing and what the whole session make of them.
Outputs Agree(const std::string& model, const Shape& shape) {
  const std::vector<TestTensor> inputs = CountingInput(shape);
  const Result<Graph> plain = ImportAndInfer(model);
  EXPECT_TRUE(plain) << plain.error().ToString();
  if (!plain) return {};
  const Outputs expected = RunByReference(*plain, inputs);
  const Graph composed = Composed(model);
  EXPECT_EQ(RunByReference(composed, inputs), expected) << Print(*plain) << Print(composed);

  Result<Session> session = Session::Load(AsBytes(model));
  EXPECT_TRUE(session) << session.error().ToString();
  const Status specialized = session->Specialize(0, 0);
  EXPECT_TRUE(specialized) << (specialized ? "" : specialized.error().ToString());
  const std::vector<float> x = inputs[0].Values();
  const std::span<const float> in = x;
  for (int run = 0; run < 2; ++run) {  // a second run finds what the first left in the arena
    Outputs actual;
    for (const std::vector<float>& values : expected) actual.emplace_back(values.size(), -1.0f);
    std::vector<std::span<float>> out(actual.begin(), actual.end());
    const Status status = session->Run({&in, 1}, out, {});
    EXPECT_TRUE(status) << (status ? "" : status.error().ToString());
    EXPECT_EQ(actual, expected) << "run " << run << "\n" << Print(*plain);
  }
  return expected;
}

TEST(ComposeMovement, RandomModelsKeepTheirValues) {
  size_t before = 0, after = 0, strided = 0;
  for (uint32_t seed = 0; seed < 600; ++seed) {
    const RandomMovement model(seed, 3 + static_cast<int>(seed % 14));
    Agree(model.Build(), model.input_shape());
    if (HasFailure()) FAIL() << "seed " << seed;
    before += ImportAndInfer(model.Build())->nodes.size();
    const Graph composed = Composed(model.Build());
    after += composed.nodes.size();
    strided += Count(composed, "Strided");
  }
  EXPECT_LT(after, before / 2);  // of three nodes or more, most chains become one
  EXPECT_GT(strided, 600u);
}

// x [1,3,8,12] as 4 x 4 patches of 2 x 3 pixels along the channels.
std::string PatchesModel(bool rows_first) {
  OnnxBuilder b;
  b.Input("x", {1, 3, 8, 12});
  std::vector<std::string> rows, joined;
  for (int i = 0; i < 4; ++i) rows.push_back("row" + std::to_string(i));
  b.Node("Split", {"x"}, rows, OnnxAttributes().Int("axis", rows_first ? 2 : 3));
  for (const std::string& row : rows) {
    std::vector<std::string> patches;
    for (int i = 0; i < 4; ++i) patches.push_back(row + "_" + std::to_string(i));
    b.Node("Split", {row}, patches, OnnxAttributes().Int("axis", rows_first ? 3 : 2));
    joined.push_back(b.Node("Concat", patches, OnnxAttributes().Int("axis", 1)));
  }
  b.Node("Concat", joined, {"y"}, OnnxAttributes().Int("axis", 1));
  b.Output("y");
  return b.Build();
}

TEST(ComposeMovement, ImageToPatchesIsOneOperator) {
  for (const bool rows_first : {true, false}) {
    const std::string model = PatchesModel(rows_first);
    const Outputs values = Agree(model, {1, 3, 8, 12});
    // Patch (1, 2), its channel 1, pixel (0, 1), by hand.
    const size_t patch = rows_first ? 1 * 4 + 2 : 2 * 4 + 1;
    EXPECT_EQ(values[0][((patch * 3 + 1) * 2 + 0) * 3 + 1], static_cast<float>((1 * 8 + 2) * 12 + 2 * 3 + 1));
    const Graph graph = Composed(model);
    ASSERT_EQ(graph.nodes.size(), 1u) << Print(graph);
    EXPECT_TRUE(std::holds_alternative<Strided>(graph.nodes[0].op));
  }
}

TEST(ComposeMovement, PatchesAndBackAreNothing) {
  OnnxBuilder b;
  b.Input("x", {2, 6, 4});
  const std::string cut = b.Node("Reshape", {"x", b.Ints("cut", {2, 2, 3, 2, 2})});
  const std::string there = b.Node("Transpose", {cut}, OnnxAttributes().Ints("perm", {1, 3, 0, 2, 4}));
  const std::string back = b.Node("Transpose", {there}, OnnxAttributes().Ints("perm", {2, 0, 3, 1, 4}));
  b.Node("Neg", {b.Node("Reshape", {back, b.Ints("join", {2, 6, 4})})}, {"y"});
  b.Output("y");
  Agree(b.Build(), {2, 6, 4});
  EXPECT_EQ(Composed(b.Build()).nodes.size(), 1u);  // Neg
}

TEST(ComposeMovement, OneMapIsMadeOnceForAllItsReaders) {
  OnnxBuilder b;
  b.Input("x", {4, 3});
  std::vector<std::string> turned;
  for (const char* shape : {"first", "second"})
    turned.push_back(b.Node("Transpose", {b.Node("Reshape", {"x", b.Ints(shape, {2, 6})})}));
  b.Node("Add", {b.Node("Neg", {turned[0]}), b.Node("Abs", {turned[1]})}, {"y"});
  b.Output("y");
  Agree(b.Build(), {4, 3});
  EXPECT_EQ(Count(Composed(b.Build()), "Strided"), 1u) << Print(Composed(b.Build()));
}

TEST(ComposeMovement, AnIntermediateOutputIsMadeAndTheChainGoesOn) {
  OnnxBuilder b;
  b.Input("x", {4, 6});
  const std::string cut = b.Node("Reshape", {"x", b.Ints("cut", {2, 2, 6})});
  const std::string middle = b.Node("Transpose", {cut}, OnnxAttributes().Ints("perm", {2, 0, 1}));
  const std::string from = b.Ints("from", {1}), to = b.Ints("to", {5});
  const std::string part = b.Node("Slice", {middle, from, to, b.Ints("axis", {0})});
  const std::string end = b.Node("Reshape", {part, b.Ints("flat", {8, 2})});
  b.Node("Neg", {end}, {"y"});
  for (const std::string& name : {std::string("y"), middle, end}) b.Output(name);
  Agree(b.Build(), {4, 6});
  const Graph graph = Composed(b.Build());
  EXPECT_EQ(Count(graph, "Strided"), 2u) << Print(graph);
  EXPECT_EQ(Count(graph, "View") + Count(graph, "Transpose") + Count(graph, "Slice"), 0u);
  // Both come from x itself: no copy of a copy.
  for (const Node& node : graph.nodes)
    if (std::holds_alternative<Strided>(node.op)) EXPECT_EQ(node.inputs[0], graph.inputs[0]);
}

TEST(ComposeMovement, AnOutputThatOnlyReshapesTheInput) {
  OnnxBuilder b;
  b.Input("x", {4, 6});
  b.Node("Reshape", {b.Node("Reshape", {"x", b.Ints("a", {24})}), b.Ints("b", {4, 6})}, {"y"});
  b.Output("y");
  Agree(b.Build(), {4, 6});
}

TEST(ComposeMovement, WhatIsNotRegularStays) {
  struct Case {
    const char* what;
    std::vector<std::pair<int64_t, int64_t>> parts;  // start and end of each, of 6 rows
  };
  const Case cases[] = {{"a roll", {{2, 6}, {0, 2}}},
                        {"uneven steps", {{0, 1}, {1, 2}, {3, 4}}},
                        {"a shuffle", {{0, 2}, {4, 6}, {2, 4}}},
                        {"overlapping parts of two sizes", {{0, 3}, {1, 3}}}};
  for (const Case& c : cases) {
    OnnxBuilder b;
    b.Input("x", {6, 5});
    std::vector<std::string> parts;
    b.Ints("axis", {0});
    for (const auto& [from, to] : c.parts) {
      const std::string n = std::to_string(parts.size());
      parts.push_back(b.Node("Slice", {"x", b.Ints("from" + n, {from}), b.Ints("to" + n, {to}), "axis"}));
    }
    b.Node("Concat", parts, {"y"}, OnnxAttributes().Int("axis", 0));
    b.Output("y");
    SCOPED_TRACE(c.what);
    Agree(b.Build(), {6, 5});
    EXPECT_EQ(Count(Composed(b.Build()), "Concat"), 1u);
  }
}

TEST(ComposeMovement, PartsOfTwoTensorsStayAConcat) {
  OnnxBuilder b;
  b.Input("x", {6, 5});
  const std::string other = b.Node("Neg", {"x"});
  const auto part = [&](const std::string& of) {
    const std::string from = b.Ints("from_" + of, {1}), to = b.Ints("to_" + of, {3});
    return b.Node("Slice", {of, from, to, b.Ints("axis_" + of, {0})});
  };
  const std::string left = part("x"), right = part(other);
  b.Node("Concat", {left, right}, {"y"}, OnnxAttributes().Int("axis", 0));
  b.Output("y");
  Agree(b.Build(), {6, 5});
  EXPECT_EQ(Count(Composed(b.Build()), "Concat"), 1u);
}

// Found by the tests of index maps: the digit behind the first kept a bound that the first had used up.
TEST(ComposeMovement, OneElementOutOfADimensionOfSeveralDigits) {
  for (int64_t index = 0; index < 24; ++index) {
    OnnxBuilder b;
    b.Input("x", {2, 3, 4});
    const std::string turned = b.Node("Transpose", {"x"}, OnnxAttributes().Ints("perm", {2, 1, 0}));
    b.Tensor<int64_t>("index", {}, 7, {index});
    b.Node("Gather", {b.Node("Reshape", {turned, b.Ints("flat", {24})}), "index"}, {"y"});
    b.Output("y");
    const Outputs values = Agree(b.Build(), {2, 3, 4});
    const int64_t place = index % 2 * 12 + index / 2 % 3 * 4 + index / 6;  // in x
    EXPECT_EQ(values[0][0], static_cast<float>(place));
    EXPECT_EQ(Count(Composed(b.Build()), "Strided"), 1u);
  }
}

// Likewise: a digit has to name an axis, and a scalar has none.
TEST(ComposeMovement, RepeatedScalars) {
  OnnxBuilder b;
  b.Input("x", {3});
  b.Tensor<int64_t>("second", {}, 7, {1});
  const std::string scalar = b.Node("Neg", {b.Node("Gather", {"x", "second"})});
  const std::string vector = b.Node("Reshape", {scalar, b.Ints("one", {1})});
  b.Node("Concat", {vector, vector, vector}, {"y"}, OnnxAttributes().Int("axis", 0));
  b.Node("Expand", {scalar, b.Ints("two", {2})}, {"z"});
  b.Output("y");
  b.Output("z");
  EXPECT_EQ(Agree(b.Build(), {3}), (Outputs{{-1, -1, -1}, {-1, -1}}));
  for (const Node& node : Composed(b.Build()).nodes)
    if (const auto* strided = std::get_if<Strided>(&node.op))
      for (const Strided::Digit& digit : strided->digits) EXPECT_LT(digit.axis, strided->start.rank());
}

TEST(ComposeMovement, SlicesOfNothingAreLeftAlone) {
  OnnxBuilder b;
  b.Input("x", {4, 6});
  const std::string nothing = b.Node("Slice", {"x", b.Ints("two", {2}), "two", b.Ints("axis", {0})});
  const std::string turned = b.Node("Transpose", {nothing});
  b.Node("Concat", {b.Node("Transpose", {turned}), "x"}, {"y"}, OnnxAttributes().Int("axis", 0));
  b.Output("y");
  Agree(b.Build(), {4, 6});
}

}  // namespace
}  // namespace decal
