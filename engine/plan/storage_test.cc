// Where values live: nothing is overwritten while it is still read, and aliases save what they are meant to.
// SPDX-License-Identifier: MIT
#include "engine/plan/storage.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "decal/session.h"
#include "engine/base/memory_plan.h"
#include "tests/support/random_movement.h"
#include "tests/support/reference_runner.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using testing::AsBytes;
using testing::Import;
using testing::OnnxAttributes;
using testing::OnnxBuilder;
using testing::RandomMovement;
using testing::TestTensor;

constexpr size_t kKiB = 1024;

Graph Optimised(const std::string& model) {
  Result<Graph> graph = Import(model);
  EXPECT_TRUE(graph) << graph.error().ToString();
  for (const auto& passes : {LoadPasses(), SpecializePasses()}) {
    const Status status = RunPasses(*graph, passes);
    EXPECT_TRUE(status) << (status ? "" : status.error().ToString());
  }
  return *std::move(graph);
}

// A graph in the memory that its plan gives it, run by the scalar references.
class PlannedGraph {
 public:
  explicit PlannedGraph(const std::string& model)
      : graph_(Optimised(model)), plan_(PlanStorage(graph_)), offsets_(graph_.values.size(), 0) {
    std::vector<BufferLifetime> lifetimes;
    std::vector<ValueId> roots;
    for (ValueId v = 0; v < plan_.root_bytes.size(); ++v) {
      if (plan_.root_bytes[v] == 0) continue;
      roots.push_back(v);
      lifetimes.push_back({plan_.root_bytes[v], plan_.first_use[v], plan_.last_use[v]});
    }
    arena_plan_ = PlanArena(lifetimes);
    for (size_t i = 0; i < roots.size(); ++i) offsets_[roots[i]] = arena_plan_.offsets[i];
    arena_.assign(arena_plan_.arena_bytes, std::byte{0xFF});
  }

  const Graph& graph() const { return graph_; }
  size_t arena_bytes() const { return arena_plan_.arena_bytes; }
  size_t lower_bound_bytes() const { return arena_plan_.lower_bound_bytes; }

  // The only node of that operator.
  template <class T>
  size_t NodeOf() const {
    size_t found = SIZE_MAX;
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      if (!std::holds_alternative<T>(graph_.nodes[n].op)) continue;
      EXPECT_EQ(found, SIZE_MAX) << Print(graph_);
      found = n;
    }
    EXPECT_NE(found, SIZE_MAX) << Print(graph_);
    return found;
  }
  bool IsElided(size_t node) const { return plan_.elided[node]; }
  ValueId RootOf(ValueId v) const { return plan_.placements[v].root; }
  ValueId InputRoot(size_t node, size_t i) const { return RootOf(graph_.nodes[node].inputs[i]); }
  ValueId OutputRoot(size_t node) const { return RootOf(graph_.nodes[node].outputs[0]); }

  // Every value lies inside its root, and its root is alive wherever the value is used.
  void CheckPlaces() const {
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      for (ValueId v : graph_.nodes[n].inputs) CheckPlace(v, n);
      for (ValueId v : graph_.nodes[n].outputs) CheckPlace(v, n);
    }
    for (ValueId v : graph_.outputs) CheckPlace(v, graph_.nodes.size());
  }

  // Whatever a node reads is what its maker wrote. The expected values have memory of their own.
  void CheckRun() {
    std::vector<TestTensor> expected(graph_.values.size());
    std::mt19937 random(testing::TestSeed(5));
    for (ValueId v : graph_.inputs) {
      expected[v] = TestTensor::Dense(ShapeOf(v));
      expected[v].FillRandom(random);
    }
    own_ = &expected;
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      const Node& node = graph_.nodes[n];
      RunAlone(node, expected);
      if (plan_.elided[n]) continue;
      std::vector<TensorView> in;
      std::vector<MutableTensorView> out;
      for (ValueId v : node.inputs) {
        in.push_back(v == kNoValue ? TensorView() : TensorView(Place(v)));
        if (v != kNoValue && !graph_.IsConstant(v)) ExpectSame(Place(v), expected[v].view(), n, v);
      }
      for (ValueId v : node.outputs) out.push_back(Place(v));
      ASSERT_TRUE(RunReference(node.op, in, out)) << Print(graph_);
      if (::testing::Test::HasFailure()) return;
    }
    for (ValueId v : graph_.outputs)
      if (!graph_.IsConstant(v)) ExpectSame(Place(v), expected[v].view(), graph_.nodes.size(), v);
  }

 private:
  const Shape& ShapeOf(ValueId v) const { return *graph_.values[v].type.shape; }

  void CheckPlace(ValueId v, size_t n) const {
    if (v == kNoValue) return;
    const Placement& place = plan_.placements[v];
    if (plan_.root_bytes[place.root] == 0 || ShapeOf(v).elements() == 0) return;
    int64_t first = place.offset, last = place.offset;
    for (size_t d = 0; d < ShapeOf(v).rank(); ++d)
      (place.strides[d] < 0 ? first : last) += (ShapeOf(v)[d] - 1) * place.strides[d];
    const int64_t bytes = static_cast<int64_t>(SizeOf(graph_.values[v].type.dtype));
    EXPECT_GE(first, 0) << "%" << v;
    EXPECT_LE((last + 1) * bytes, static_cast<int64_t>(plan_.root_bytes[place.root])) << "%" << v;
    EXPECT_LE(plan_.first_use[place.root], static_cast<int32_t>(n)) << "%" << v;
    EXPECT_GE(plan_.last_use[place.root], static_cast<int32_t>(n)) << "%" << v;
  }

  MutableTensorView Place(ValueId v) {
    const Placement& place = plan_.placements[v];
    const Value& value = graph_.values[v];
    const Value& root = graph_.values[place.root];
    std::byte* base = arena_.data() + offsets_[place.root];
    if (root.constant) base = const_cast<std::byte*>(root.constant->view().as<std::byte>());
    else if (plan_.root_bytes[place.root] == 0) base = (*own_)[place.root].mutable_view().as<std::byte>();
    const int64_t bytes = static_cast<int64_t>(SizeOf(value.type.dtype));
    return {base + place.offset * bytes, value.type.dtype, ShapeOf(v), place.strides};
  }

  void RunAlone(const Node& node, std::vector<TestTensor>& tensors) const {
    std::vector<TensorView> in;
    std::vector<MutableTensorView> out;
    for (ValueId v : node.inputs) {
      if (v == kNoValue) in.emplace_back();
      else in.push_back(graph_.IsConstant(v) ? graph_.values[v].constant->view() : tensors[v].view());
    }
    for (ValueId v : node.outputs) {
      tensors[v] = TestTensor::Dense(ShapeOf(v), graph_.values[v].layout, graph_.values[v].type.dtype);
      out.push_back(tensors[v].mutable_view());
    }
    ASSERT_TRUE(RunReference(node.op, in, out));
  }

  void ExpectSame(const TensorView& actual, const TensorView& expected, size_t n, ValueId v) const {
    const size_t size = SizeOf(expected.dtype);
    for (StridedIndex<2> i(expected.shape, {actual.strides, expected.strides}); i.valid(); i.Next()) {
      const std::byte* a = actual.as<std::byte>() + i.offset(0) * static_cast<int64_t>(size);
      const std::byte* e = expected.as<std::byte>() + i.offset(1) * static_cast<int64_t>(size);
      ASSERT_EQ(std::memcmp(a, e, size), 0)
          << "%" << v << " at " << i.index().ToString() << " before node " << n << "\n"
          << Print(graph_);
    }
  }

  Graph graph_;
  StoragePlan plan_;
  ArenaPlan arena_plan_;
  std::vector<size_t> offsets_;  // by root
  std::vector<std::byte> arena_;
  std::vector<TestTensor>* own_ = nullptr;  // memory of the graph's inputs
};

void Check(PlannedGraph& planned) {
  planned.CheckPlaces();
  planned.CheckRun();
}

TEST(Storage, RandomMovementReadsWhatWasWritten) {
  for (uint32_t seed = 0; seed < 600; ++seed) {
    PlannedGraph planned(RandomMovement(seed + 5000, 4 + static_cast<int>(seed % 16)).Build());
    Check(planned);
    if (HasFailure()) FAIL() << "seed " << seed;
  }
}

// Maps of 16 x 16 pixels: a channel takes 1 KiB.
class MapModel {
 public:
  MapModel() { builder_.Input("x", {1, 2, 16, 16}); }

  // 1x1 convolution.
  std::string Conv(const std::string& x, int64_t from, int64_t to) {
    const std::string name = "w" + std::to_string(weights_++);
    return builder_.Node("Conv", {x, builder_.RandomFloats(name, {to, from, 1, 1}, random_)});
  }
  std::string Concat(const std::vector<std::string>& parts) {
    return builder_.Node("Concat", parts, OnnxAttributes().Int("axis", 1));
  }
  // Ends in one channel, which lies the same way in both layouts.
  std::string Build(const std::string& last, int64_t channels) {
    builder_.Output(Conv(last, channels, 1));
    return builder_.Build();
  }
  OnnxBuilder& builder() { return builder_; }
  std::mt19937& random() { return random_; }

 private:
  OnnxBuilder builder_;
  std::mt19937 random_{testing::TestSeed(3)};
  int weights_ = 0;
};

TEST(Storage, PartsAreWrittenWhereTheyAreJoined) {
  MapModel m;
  const std::string a = m.Conv("x", 2, 4), b = m.Conv(a, 4, 4);
  PlannedGraph planned(m.Build(m.Concat({a, b}), 8));
  Check(planned);
  const size_t concat = planned.NodeOf<Concat>();
  EXPECT_TRUE(planned.IsElided(concat));
  for (size_t part : {0u, 1u}) EXPECT_EQ(planned.InputRoot(concat, part), planned.OutputRoot(concat));
  EXPECT_EQ(planned.lower_bound_bytes(), (2 + 8) * kKiB);  // x in the layout of convolutions, and both parts
  EXPECT_EQ(planned.arena_bytes(), planned.lower_bound_bytes());
}

TEST(Storage, DenseBlocksShareOneBuffer) {
  MapModel m;
  std::string joined = m.Conv("x", 2, 4);
  for (int64_t channels = 4; channels < 16; channels += 4) joined = m.Concat({joined, m.Conv(joined, channels, 4)});
  PlannedGraph planned(m.Build(joined, 16));
  Check(planned);
  for (size_t n = 0; n < planned.graph().nodes.size(); ++n)
    if (std::holds_alternative<Concat>(planned.graph().nodes[n].op)) EXPECT_TRUE(planned.IsElided(n));
  EXPECT_EQ(planned.arena_bytes(), (2 + 16) * kKiB);
}

// x ─► skip ─► wide ─► wide ─► late ─► Concat(skip, late)
PlannedGraph Skip(int64_t skip_channels, int64_t late_channels) {
  MapModel m;
  const std::string skip = m.Conv("x", 2, skip_channels);
  const std::string wide = m.Conv(m.Conv(skip, skip_channels, 32), 32, 32);
  const std::string late = m.Conv(wide, 32, late_channels);
  return PlannedGraph(m.Build(m.Concat({skip, late}), skip_channels + late_channels));
}

TEST(Storage, AnEarlyPartWaitsBesideABufferThatWouldRaiseThePeak) {
  PlannedGraph planned = Skip(4, 28);
  Check(planned);
  const size_t concat = planned.NodeOf<Concat>();
  EXPECT_FALSE(planned.IsElided(concat));
  EXPECT_NE(planned.InputRoot(concat, 0), planned.OutputRoot(concat));
  EXPECT_EQ(planned.InputRoot(concat, 1), planned.OutputRoot(concat));  // only the early one is copied
  EXPECT_EQ(planned.lower_bound_bytes(), (4 + 32 + 32) * kKiB);
  EXPECT_EQ(planned.arena_bytes(), planned.lower_bound_bytes());
}

TEST(Storage, AnEarlyPartIsNotCopiedForLittle) {
  PlannedGraph planned = Skip(1, 1);  // a 66th of what is alive
  Check(planned);
  EXPECT_TRUE(planned.IsElided(planned.NodeOf<Concat>()));
  EXPECT_EQ(planned.arena_bytes(), (2 + 32 + 32) * kKiB);
}

TEST(Storage, ASecondConcatCopiesWhatTheFirstHolds) {
  MapModel m;
  const std::string a = m.Conv("x", 2, 4), b = m.Conv(a, 4, 4);
  const std::string left = m.Conv(m.Concat({a, b}), 8, 3), right = m.Conv(m.Concat({b, a}), 8, 3);
  PlannedGraph planned(m.Build(m.Concat({left, right}), 6));
  Check(planned);
}

TEST(Storage, OnePartTwiceIsCopiedOnce) {
  MapModel m;
  const std::string a = m.Conv("x", 2, 4);
  PlannedGraph planned(m.Build(m.Concat({a, a, "x"}), 10));
  Check(planned);
  EXPECT_FALSE(planned.IsElided(planned.NodeOf<Concat>()));
}

TEST(Storage, RandomSkipsReadWhatWasWritten) {
  for (uint32_t seed = 0; seed < 150; ++seed) {
    MapModel m;
    m.random().seed(seed);
    const auto pick = [&](size_t n) { return m.random()() % n; };
    std::vector<std::pair<std::string, int64_t>> maps = {{"x", 2}};
    for (size_t i = 0, nodes = 4 + pick(12); i < nodes; ++i) {
      const auto [name, channels] = maps[pick(2) ? maps.size() - 1 : pick(maps.size())];
      if (pick(3)) {
        const int64_t to = static_cast<int64_t>(1 + pick(24));
        maps.emplace_back(m.Conv(name, channels, to), to);
      } else {
        const auto [other, more] = maps[pick(maps.size())];
        if (channels + more > 48) continue;
        maps.emplace_back(m.Concat({other, name}), channels + more);
      }
    }
    PlannedGraph planned(m.Build(maps.back().first, maps.back().second));
    Check(planned);
    if (HasFailure()) FAIL() << "seed " << seed;
  }
}

// y = op(turned(Abs(x)), w) for x [6,4].
std::string TurnedModel(const std::string& op, bool is_output) {
  std::mt19937 random(testing::TestSeed(1));
  OnnxBuilder b;
  b.Input("x", {6, 4});
  b.RandomFloats("w", {4, 6}, random);
  const std::string turned = b.Node("Transpose", {b.Node("Abs", {"x"})});
  std::vector<std::string> inputs = {turned};
  if (op == "Mul") inputs.push_back("w");
  b.Node(op, inputs, {"y"});
  b.Output("y");
  if (is_output) b.Output(turned);
  return b.Build();
}

TEST(Storage, TurnedMemoryIsReadWhereItLies) {
  PlannedGraph alias(TurnedModel("Mul", false));
  Check(alias);
  const size_t turn = alias.NodeOf<Strided>();
  EXPECT_TRUE(alias.IsElided(turn));
  EXPECT_EQ(alias.OutputRoot(turn), alias.InputRoot(turn, 0));
  EXPECT_NE(alias.OutputRoot(alias.NodeOf<Binary>()), alias.OutputRoot(turn));  // not in place: other places
  EXPECT_EQ(alias.arena_bytes(), 2 * 128u);  // 96 bytes each, aligned

  PlannedGraph dense(TurnedModel("Softmax", false));  // its kernel wants rows
  Check(dense);
  EXPECT_FALSE(dense.IsElided(dense.NodeOf<Strided>()));

  PlannedGraph output(TurnedModel("Mul", true));  // the caller wants rows
  Check(output);
  EXPECT_FALSE(output.IsElided(output.NodeOf<Strided>()));
}

TEST(Storage, ElementwiseChainsStayInOnePlace) {
  OnnxBuilder b;
  b.Input("x", {4, 16});
  b.Node("Neg", {b.Node("Exp", {b.Node("Abs", {"x"})})}, {"y"});
  b.Output("y");
  PlannedGraph planned(b.Build());
  Check(planned);
  EXPECT_EQ(planned.arena_bytes(), 4 * 16 * sizeof(float));
}

TEST(Storage, ATensorBesideItsOwnTransposeIsNotOverwritten) {
  for (const char* kind : {"transposed", "reversed"}) {
    SCOPED_TRACE(kind);
    OnnxBuilder b;
    b.Input("x", {16, 16});
    const std::string abs = b.Node("Abs", {"x"});
    const std::string from = b.Ints("from", {-1}), to = b.Ints("to", {-100}), axis = b.Ints("axis", {0});
    const std::vector<std::string> slice = {abs, from, to, axis, b.Ints("step", {-1})};
    b.Node("Sub", {abs, kind[0] == 't' ? b.Node("Transpose", {abs}) : b.Node("Slice", slice)}, {"y"});
    b.Output("y");
    PlannedGraph planned(b.Build());
    Check(planned);
    const size_t sub = planned.NodeOf<Binary>();
    EXPECT_EQ(planned.InputRoot(sub, 0), planned.InputRoot(sub, 1));
    EXPECT_NE(planned.OutputRoot(sub), planned.InputRoot(sub, 0));
  }
}

TEST(Storage, WhatIsStillReadIsNotOverwritten) {
  OnnxBuilder b;
  b.Input("x", {4, 16});
  const std::string abs = b.Node("Abs", {"x"}), exp = b.Node("Exp", {abs});
  b.Node("Add", {exp, abs}, {"y"});
  b.Output("y");
  PlannedGraph planned(b.Build());
  Check(planned);
  EXPECT_EQ(planned.arena_bytes(), 2 * 4 * 16 * sizeof(float));
}

// Queries and keys are slices of one matrix product's result: the second product reads both in place.
TEST(Storage, ProductsReadSlicesWithStrides) {
  std::mt19937 random(testing::TestSeed(2));
  OnnxBuilder b;
  b.Input("x", {5, 8});
  b.RandomFloats("w", {8, 12}, random);
  const std::string cut = b.Node("Reshape", {b.Node("MatMul", {"x", "w"}), b.Ints("cut", {5, 2, 3, 2})});
  const std::string heads = b.Node("Transpose", {cut}, OnnxAttributes().Ints("perm", {1, 2, 0, 3}));
  b.Tensor<int64_t>("first", {}, 7, {0});
  b.Tensor<int64_t>("second", {}, 7, {1});
  const std::string q = b.Node("Gather", {heads, "first"}), k = b.Node("Gather", {heads, "second"});
  b.Node("MatMul", {q, b.Node("Transpose", {k}, OnnxAttributes().Ints("perm", {0, 2, 1}))}, {"y"});
  b.Output("y");
  PlannedGraph planned(b.Build());
  Check(planned);
  for (size_t n = 0; n < planned.graph().nodes.size(); ++n)
    if (std::holds_alternative<Strided>(planned.graph().nodes[n].op)) EXPECT_TRUE(planned.IsElided(n));

  Result<Session> session = Session::Load(AsBytes(b.Build()));
  ASSERT_TRUE(session);
  ASSERT_TRUE(session->Specialize(0, 0));
  std::vector<TestTensor> inputs;
  inputs.push_back(TestTensor::Dense({5, 8}));
  inputs[0].FillRandom(random);
  const std::vector<float> x = inputs[0].Values();
  const std::vector<float> expected = testing::RunByReference(*testing::ImportAndInfer(b.Build()), inputs)[0];
  std::vector<float> y(expected.size());
  ASSERT_TRUE(session->Run(x, y));
  for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], expected[i], 1e-4f);
}

}  // namespace
}  // namespace decal
