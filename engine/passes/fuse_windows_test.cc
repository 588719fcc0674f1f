// Shifted windows: every spelling that is one becomes it, near misses do not, and no value changes.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "decal/session.h"
#include "tests/support/pass_test.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

using Outputs = std::vector<std::vector<float>>;

template <class T>
std::optional<T> Only(const Graph& graph) {
  std::optional<T> found;
  for (const Node& node : graph.nodes) {
    if (!std::holds_alternative<T>(node.op)) continue;
    EXPECT_FALSE(found) << "more than one\n" << Print(graph);
    found = std::get<T>(node.op);
  }
  return found;
}

Graph Windowed(const std::string& model) { return AfterPass(model, "fuse-windows"); }

// The graph after fusion. Its values, and those of a whole session, are compared with the unfused graph's.
Graph WindowsAgree(const std::string& model, const Shape& shape) {
  std::vector<TestTensor> inputs;
  inputs.push_back(TestTensor::Dense(shape));
  float* values = inputs[0].mutable_view().as<float>();
  for (int64_t i = 0; i < shape.elements(); ++i) values[i] = static_cast<float>(i + 1);
  const Result<Graph> plain = ImportAndInfer(model);
  EXPECT_TRUE(plain) << plain.error().ToString();
  const Outputs expected = RunByReference(*plain, inputs);
  Graph graph = Windowed(model);
  EXPECT_EQ(RunByReference(graph, inputs), expected) << Print(graph);

  Result<Session> session = Session::Load(AsBytes(model));
  EXPECT_TRUE(session) << session.error().ToString();
  EXPECT_TRUE(session->Specialize(0, 0));
  const std::vector<float> x = inputs[0].Values();
  const std::span<const float> in = x;
  Outputs actual;
  for (const std::vector<float>& values : expected) actual.emplace_back(values.size(), -1.0f);
  const std::vector<std::span<float>> out(actual.begin(), actual.end());
  EXPECT_TRUE(session->Run({&in, 1}, out, {}));
  EXPECT_EQ(actual, expected) << Print(graph);
  return graph;
}

// From rows of windows to windows of rows, and back.
const std::vector<int64_t> kSwap = {0, 1, 3, 2, 4, 5};

// Writes the steps of shifted windows the way PyTorch exports them.
class WindowModel {
 public:
  struct Map {
    std::string name;
    int64_t n, h, w, c;
  };

  Map Input(const Shape& shape) {
    builder_.Input("x", {shape.begin(), shape.end()});
    return {"x", shape[0], shape[1], shape[2], shape[3]};
  }

  Map Slice(const Map& m, int64_t axis, int64_t start, int64_t end) {
    Map out = m;
    (axis == 1 ? out.h : axis == 2 ? out.w : out.c) = end - start;
    out.name = builder_.Node("Slice", {m.name, Ints({start}), Ints({end}), Ints({axis})});
    return out;
  }

  // result[i] = m[(i + shift) mod n]: torch.roll by -shift.
  Map Roll(const Map& m, int64_t axis, int64_t shift, bool in_order = true) {
    const int64_t extent = axis == 1 ? m.h : axis == 2 ? m.w : m.c;
    std::vector<std::string> parts = {Slice(m, axis, shift, extent).name, Slice(m, axis, 0, shift).name};
    if (!in_order) std::swap(parts[0], parts[1]);
    Map out = m;
    out.name = builder_.Node("Concat", parts, OnnxAttributes().Int("axis", axis));
    return out;
  }

  Map Pad(const Map& m, int64_t top, int64_t left, int64_t bottom, int64_t right, float value = 0) {
    const std::string zero = builder_.Floats(Fresh("value"), {}, {value});
    const std::string pads = Ints({0, top, left, 0, 0, bottom, right, 0});
    return {builder_.Node("Pad", {m.name, pads, zero}), m.n, m.h + top + bottom, m.w + left + right, m.c};
  }

  std::string Partition(const Map& m, int64_t wy, int64_t wx, const std::vector<int64_t>& perm = kSwap) {
    const std::string boxes = Reshape(m.name, {m.n, m.h / wy, wy, m.w / wx, wx, m.c});
    const std::string turned = builder_.Node("Transpose", {boxes}, OnnxAttributes().Ints("perm", perm));
    return Reshape(Reshape(turned, {-1, wy, wx, m.c}), {-1, wy * wx, m.c});
  }

  // `m` gives the extents.
  Map Reverse(const std::string& windows, const Map& m, int64_t wy, int64_t wx,
              const std::vector<int64_t>& perm = kSwap) {
    const std::string split = Reshape(windows, {-1, wy, wx, m.c});
    const std::string boxes = Reshape(split, {m.n, m.h / wy, m.w / wx, wy, wx, m.c});
    const std::string turned = builder_.Node("Transpose", {boxes}, OnnxAttributes().Ints("perm", perm));
    Map out = m;
    out.name = Reshape(turned, {m.n, m.h, m.w, m.c});
    return out;
  }

  std::string Reshape(const std::string& x, const std::vector<int64_t>& shape) {
    return builder_.Node("Reshape", {x, Ints(shape)});
  }
  // Work inside the windows.
  std::string Neg(const std::string& x) { return builder_.Node("Neg", {x}); }
  void Output(const std::string& x) { builder_.Output(x); }
  std::string Build() const { return builder_.Build(); }

 private:
  std::string Fresh(const char* what) { return what + std::to_string(fresh_++); }
  std::string Ints(const std::vector<int64_t>& values) { return builder_.Ints(Fresh("ints"), values); }

  OnnxBuilder builder_;
  int fresh_ = 0;
};

using Map = WindowModel::Map;

struct Block {
  Shape x;
  int64_t wy, wx, shift_y, shift_x;
};

// Pad, roll, partition, Neg, reverse, roll back, crop; what changes nothing is left out.
std::string BlockModel(const Block& block) {
  WindowModel m;
  const Map x = m.Input(block.x);
  const int64_t bottom = (block.wy - x.h % block.wy) % block.wy;
  const int64_t right = (block.wx - x.w % block.wx) % block.wx;
  Map padded = bottom + right > 0 ? m.Pad(x, 0, 0, bottom, right) : x;
  Map rolled = padded;
  if (block.shift_y > 0) rolled = m.Roll(rolled, 1, block.shift_y);
  if (block.shift_x > 0) rolled = m.Roll(rolled, 2, block.shift_x);
  Map out = m.Reverse(m.Neg(m.Partition(rolled, block.wy, block.wx)), padded, block.wy, block.wx);
  if (block.shift_y > 0) out = m.Roll(out, 1, padded.h - block.shift_y);
  if (block.shift_x > 0) out = m.Roll(out, 2, padded.w - block.shift_x);
  if (bottom > 0) out = m.Slice(out, 1, 0, x.h);
  if (right > 0) out = m.Slice(out, 2, 0, x.w);
  m.Output(m.Neg(out.name));
  return m.Build();
}

TEST(FuseWindows, BlocksOfSwinBecomeTwoOperators) {
  const Block blocks[] = {
      {{1, 14, 21, 3}, 7, 7, 3, 3},   // rolled
      {{1, 12, 10, 4}, 7, 7, 0, 0},   // padded
      {{1, 12, 10, 4}, 7, 7, 3, 3},   // both
      {{2, 8, 12, 3}, 4, 4, 2, 2},    // two pictures
      {{2, 9, 11, 1}, 4, 3, 2, 1},    // one channel, windows that are no squares
      {{1, 8, 8, 2}, 4, 4, 0, 2},     // along one dimension only
      {{1, 8, 9, 2}, 4, 4, 1, 0},   {{1, 7, 7, 2}, 7, 7, 3, 3},     // a single window
      {{1, 5, 6, 2}, 7, 7, 3, 3},     // a map smaller than a window
      {{1, 14, 5, 2}, 7, 7, 3, 3},  {{1, 8, 8, 2}, 4, 4, 6, 5},     // by more than a window
      {{1, 6, 6, 2}, 2, 2, 1, 1},
  };
  for (const Block& block : blocks) {
    SCOPED_TRACE(block.x.ToString() + " by " + std::to_string(block.wy) + " x " + std::to_string(block.wx));
    const Graph graph = WindowsAgree(BlockModel(block), block.x);
    const std::optional<WindowPartition> cut = Only<WindowPartition>(graph);
    const std::optional<WindowMerge> join = Only<WindowMerge>(graph);
    ASSERT_TRUE(cut && join) << Print(graph);
    EXPECT_EQ(cut->window_h, block.wy);
    EXPECT_EQ(cut->window_w, block.wx);
    EXPECT_EQ(cut->shift_y, block.shift_y);
    EXPECT_EQ(cut->shift_x, block.shift_x);
    EXPECT_EQ(join->window_h, block.wy);
    EXPECT_EQ(join->shift_y, block.shift_y);
    EXPECT_EQ(join->shift_x, block.shift_x);
    EXPECT_EQ(join->height, block.x[1]);
    EXPECT_EQ(join->width, block.x[2]);
    for (const char* gone : {"Pad", "Slice", "Concat", "Transpose"}) EXPECT_EQ(Count(graph, gone), 0u) << gone;
  }
}

TEST(FuseWindows, RandomBlocksKeepTheirValues) {
  std::mt19937 random(testing::TestSeed(11));
  const auto pick = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint32_t>(n)); };
  for (int round = 0; round < 150; ++round) {
    Block block{{1 + pick(2), 1 + pick(12), 1 + pick(12), 1 + pick(3)}, 1 + pick(5), 1 + pick(5), 0, 0};
    const int64_t padded_h = (block.x[1] + block.wy - 1) / block.wy * block.wy;
    const int64_t padded_w = (block.x[2] + block.wx - 1) / block.wx * block.wx;
    if (pick(3)) block.shift_y = pick(padded_h);
    if (pick(3)) block.shift_x = pick(padded_w);
    SCOPED_TRACE(std::to_string(round) + ": " + block.x.ToString());
    WindowsAgree(BlockModel(block), block.x);
    if (HasFailure()) return;
  }
}

TEST(FuseWindows, APlainCutIsLeftToComposedMovement) {
  const Graph graph = WindowsAgree(BlockModel({{1, 8, 8, 3}, 4, 4, 0, 0}), {1, 8, 8, 3});
  EXPECT_EQ(Count(graph, "WindowPartition") + Count(graph, "WindowMerge"), 0u);
}

TEST(FuseWindows, RollsInAnyOrderAddUp) {
  WindowModel m;
  const Map x = m.Input({1, 8, 12, 2});
  const Map rolled = m.Roll(m.Roll(m.Roll(m.Roll(x, 2, 3), 1, 5), 2, 10), 1, 1);
  m.Output(m.Neg(m.Partition(rolled, 4, 4)));
  const Graph graph = WindowsAgree(m.Build(), {1, 8, 12, 2});
  const std::optional<WindowPartition> cut = Only<WindowPartition>(graph);
  ASSERT_TRUE(cut) << Print(graph);
  EXPECT_EQ(cut->shift_y, 6);
  EXPECT_EQ(cut->shift_x, 1);  // 13 of 12
  EXPECT_EQ(Count(graph, "Concat"), 0u);
}

// What is not quite a window: [1,8,8,4] cut by 4, or merged. Everything else of the model is right.
void ExpectUnfused(const char* what, WindowModel& m, const std::string& end) {
  SCOPED_TRACE(what);
  m.Output(m.Neg(end));
  const Graph graph = WindowsAgree(m.Build(), {1, 8, 8, 4});
  EXPECT_EQ(Count(graph, "WindowPartition") + Count(graph, "WindowMerge"), 0u) << Print(graph);
}

// Four windows that no movement made, and the map [1,8,8,4] out of them.
Map Merged(WindowModel& m, const std::vector<int64_t>& perm = kSwap) {
  const Map x = m.Input({1, 8, 8, 4});
  return m.Reverse(m.Neg(m.Reshape(x.name, {4, 16, 4})), x, 4, 4, perm);
}

TEST(FuseWindows, OtherPermutationsAreNoCuts) {
  const std::vector<int64_t> perms[] = {{0, 3, 1, 2, 4, 5}, {0, 1, 3, 4, 2, 5}, {0, 2, 4, 1, 3, 5}, {0, 1, 3, 2, 5, 4}};
  for (const std::vector<int64_t>& perm : perms) {
    WindowModel m;
    ExpectUnfused("cut", m, m.Partition(m.Roll(m.Input({1, 8, 8, 4}), 1, 2), 4, 4, perm));
    WindowModel r;
    ExpectUnfused("merge", r, r.Roll(Merged(r, perm), 1, 2).name);
  }
}

TEST(FuseWindows, OtherRollsAndPadsStayBeforeThePartition) {
  // The cut behind them may still fuse with what else it finds; here that is nothing.
  const Shape shape{1, 8, 8, 4};
  {
    WindowModel m;
    ExpectUnfused("halves in their own order", m, m.Partition(m.Roll(m.Input(shape), 1, 4, false), 4, 4));
  }
  {
    WindowModel m;
    ExpectUnfused("along the channels", m, m.Partition(m.Roll(m.Input(shape), 3, 1), 4, 4));
  }
  {
    WindowModel m;
    const Map x = m.Input(shape);
    ExpectUnfused("padded above", m, m.Partition(m.Pad(x, 3, 0, 1, 0), 4, 4));
  }
  {
    WindowModel m;
    const Map x = m.Input(shape);
    ExpectUnfused("padded left", m, m.Partition(m.Pad(x, 0, 1, 0, 3), 4, 4));
  }
  {
    WindowModel m;
    const Map x = m.Input(shape);
    ExpectUnfused("a whole window of zeros", m, m.Partition(m.Pad(x, 0, 0, 4, 0), 4, 4));
  }
  {
    WindowModel m;
    const Map x = m.Input(shape);
    ExpectUnfused("ones", m, m.Partition(m.Pad(x, 0, 0, 1, 1, 1), 3, 3));
  }
}

TEST(FuseWindows, OtherRollsAndCropsStayBehindTheMerge) {
  {
    WindowModel m;
    ExpectUnfused("crop of the first row", m, m.Slice(Merged(m), 1, 1, 8).name);
  }
  {
    WindowModel m;
    ExpectUnfused("crop of a window and more", m, m.Slice(Merged(m), 2, 0, 4).name);
  }
  {
    WindowModel m;
    ExpectUnfused("crop of channels", m, m.Slice(Merged(m), 3, 0, 2).name);
  }
  {
    WindowModel m;
    ExpectUnfused("along the channels", m, m.Roll(Merged(m), 3, 1).name);
  }
  {
    WindowModel m;
    ExpectUnfused("halves in their own order", m, m.Roll(Merged(m), 1, 4, false).name);
  }
}

TEST(FuseWindows, CropsOfLessThanAWindowJoinTheMerge) {
  WindowModel m;
  m.Output(m.Neg(m.Slice(m.Slice(Merged(m), 1, 0, 6), 2, 0, 5).name));
  const Graph graph = WindowsAgree(m.Build(), {1, 8, 8, 4});
  const std::optional<WindowMerge> join = Only<WindowMerge>(graph);
  ASSERT_TRUE(join) << Print(graph);
  EXPECT_EQ(join->height, 6);
  EXPECT_EQ(join->width, 5);
}

// The roll reads the cropped map, so it wraps at its edge: cropping and merging fuse, the roll stays.
TEST(FuseWindows, CroppingBeforeRollingIsNotRollingBeforeCropping) {
  WindowModel m;
  m.Output(m.Neg(m.Roll(m.Slice(Merged(m), 1, 0, 6), 1, 2).name));
  const Graph graph = WindowsAgree(m.Build(), {1, 8, 8, 4});
  EXPECT_EQ(Count(graph, "WindowMerge"), 1u);
  EXPECT_EQ(Count(graph, "Concat"), 1u);
}

TEST(FuseWindows, PaddingAfterRollingPadsTheRolledMap) {
  WindowModel m;
  const Map x = m.Input({1, 6, 8, 4});
  m.Output(m.Neg(m.Partition(m.Pad(m.Roll(x, 1, 2), 0, 0, 2, 0), 4, 4)));
  const Graph graph = WindowsAgree(m.Build(), {1, 6, 8, 4});
  const std::optional<WindowPartition> cut = Only<WindowPartition>(graph);
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->shift_y, 0);
  EXPECT_EQ(Count(graph, "Concat"), 1u);
}

TEST(FuseWindows, IntermediateOutputsStayRight) {
  WindowModel m;
  const Map x = m.Input({1, 6, 7, 2});
  const Map padded = m.Pad(x, 0, 0, 2, 1), rolled = m.Roll(padded, 1, 2);
  const std::string windows = m.Partition(rolled, 4, 4);
  const Map merged = m.Reverse(m.Neg(windows), padded, 4, 4), back = m.Roll(merged, 1, 6);
  const Map cropped = m.Slice(m.Slice(back, 1, 0, 6), 2, 0, 7);
  for (const Map& map : {cropped, padded, rolled, merged, back}) m.Output(map.name);
  m.Output(windows);
  WindowsAgree(m.Build(), {1, 6, 7, 2});
}

TEST(FuseWindows, OneRolledMapForTwoCuts) {
  WindowModel m;
  const Map rolled = m.Roll(m.Input({1, 8, 8, 2}), 1, 2);
  m.Output(m.Neg(m.Partition(rolled, 4, 4)));
  m.Output(m.Neg(m.Partition(rolled, 2, 8)));
  const Graph graph = WindowsAgree(m.Build(), {1, 8, 8, 2});
  EXPECT_EQ(Count(graph, "WindowPartition"), 2u);
  EXPECT_EQ(Count(graph, "Concat"), 0u);
}

// A map without rows or columns, made by a slice so that a file can hold it, and the empty halves of its
// roll: a sum of shifts modulo 0 once ended the program. Slices with bounds in int64 are seen to do nothing
// and go before windows are looked for; those with bounds in int32 stay.
TEST(FuseWindows, RollsOfNothingAreNoRolls) {
  for (const int64_t axis : {1, 2}) {
    for (const bool narrow : {false, true}) {
      OnnxBuilder b;
      b.Input("x", {1, 4, 6, 2});
      const auto bound = [&](const std::string& name, int64_t value) {
        if (narrow) b.Tensor<int32_t>(name, {1}, 6, {static_cast<int32_t>(value)});
        else b.Ints(name, {value});
      };
      bound("zero", 0), bound("one", 1), bound("two", 2), bound("axis", axis);
      const std::string nothing = b.Node("Slice", {"x", "two", "two", "axis"});
      const std::string tail = b.Node("Slice", {nothing, "zero", "two", "axis", "one"});
      const std::string head = b.Node("Slice", {nothing, "zero", "zero", "axis", "one"});
      b.Node("Concat", {tail, head}, {"rolled"}, OnnxAttributes().Int("axis", axis));
      b.Node("Neg", {"rolled"}, {"y"});
      b.Output("y");
      const Graph graph = Windowed(b.Build());
      EXPECT_EQ(Count(graph, "WindowMerge"), 0u);
      EXPECT_EQ(graph.values[graph.outputs[0]].type.shape->elements(), 0);
    }
  }
}

TEST(FuseWindows, WindowsOfNothingAreNotCut) {
  WindowModel m;
  const Map x = m.Input({1, 8, 8, 2});
  const Map empty = m.Slice(x, 3, 0, 0);  // no channels
  m.Output(m.Neg(m.Reshape(m.Pad(m.Roll(empty, 1, 2), 0, 0, 1, 1).name, {3, 3, 9, 0})));
  m.Output(m.Neg(x.name));
  Result<Graph> graph = Import(m.Build());
  ASSERT_TRUE(graph);
  for (const auto& passes : {LoadPasses(), SpecializePasses()}) (void)RunPasses(*graph, passes);
  EXPECT_EQ(Count(*graph, "WindowPartition"), 0u);
}

}  // namespace
}  // namespace decal
