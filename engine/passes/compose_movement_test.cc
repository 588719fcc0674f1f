// Chains of data movement: they become single operators, and nothing they move ends elsewhere.
#include <gtest/gtest.h>

#include "decal/session.h"
#include "tests/support/pass_test.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

// The model's results from a session: with kernels, aliases and arena.
std::vector<std::vector<float>> RunSession(const std::string& model, const std::vector<TestTensor>& inputs) {
  auto session = Session::Load(AsBytes(model));
  EXPECT_TRUE(session) << (session ? "" : session.error().ToString());
  if (!session) return {};
  const Status status = session->Specialize(0, 0);
  EXPECT_TRUE(status) << (status ? "" : status.error().ToString());
  if (!status) return {};
  std::vector<std::vector<float>> in, out;
  for (const TestTensor& input : inputs) in.push_back(input.Values());
  for (const TensorInfo& info : session->outputs()) {
    size_t count = 1;
    for (int64_t extent : info.shape) count *= static_cast<size_t>(extent);
    out.emplace_back(count);
  }
  const std::vector<std::span<const float>> from(in.begin(), in.end());
  const std::vector<std::span<float>> to(out.begin(), out.end());
  EXPECT_TRUE(session->Run(from, to, {}));
  return out;
}

// Both ways of running `model` give the reference's values to the bit: movement does not compute.
Graph Move(const std::string& model, const std::vector<TestTensor>& inputs) {
  Graph graph = Optimise(model, inputs, 0);
  const auto plain = ImportAndInfer(model);
  EXPECT_TRUE(plain);
  if (plain) EXPECT_EQ(RunSession(model, inputs), RunByReference(*plain, inputs));
  return graph;
}

// BiRefNet's image2patches: rows, then columns, cut into `grid` pieces that become channels.
std::string Patches(int64_t grid, bool slices) {
  OnnxBuilder b;
  const int64_t channels = 3, extent = 4 * grid;
  b.Input("x", {1, channels, extent, extent});
  const auto cut = [&](const std::string& x, int64_t axis) {
    std::vector<std::string> parts;
    if (!slices) {
      for (int64_t i = 0; i < grid; ++i) parts.push_back(x + "_" + std::to_string(i));
      return b.Node("Split", {x}, parts, OnnxAttributes().Int("axis", axis)), parts;
    }
    for (int64_t i = 0; i < grid; ++i) {
      const std::string id = x + std::to_string(axis) + std::to_string(i);
      parts.push_back(
          b.Node("Slice", {x, b.Ints(id + "s", {4 * i}), b.Ints(id + "e", {4 * i + 4}), b.Ints(id + "a", {axis})}));
    }
    return parts;
  };
  std::vector<std::string> rows, all;
  for (const std::string& row : cut("x", 2)) {
    const std::vector<std::string> cells = cut(row, 3);
    rows.push_back(b.Node("Concat", cells, OnnxAttributes().Int("axis", 1)));
  }
  b.Node("Relu", {b.Node("Concat", rows, OnnxAttributes().Int("axis", 1))}, {"y"});
  b.Output("y");
  return b.Build();
}

TEST(ComposeMovement, ImageToPatchesIsOneMapInEitherSpelling) {
  std::string printed;
  for (bool slices : {true, false}) {
    const Graph graph = Move(Patches(8, slices), RandomInputs({{1, 3, 32, 32}}));
    EXPECT_EQ(Count(graph, "Strided"), 1u) << Print(graph);
    EXPECT_EQ(Count(graph, {"Slice", "Split", "Concat"}), 0u) << Print(graph);
    EXPECT_LE(graph.nodes.size(), 4u) << Print(graph);
  }
}

TEST(ComposeMovement, HeadsOfAttentionAreCutOutOfOneProduct) {
  OnnxBuilder b;  // [B,T,3,H,D] to q of [B,H,T,D]
  b.Input("qkv", {2, 5, 24});
  const std::string boxes = b.Node("Reshape", {"qkv", b.Ints("boxes", {2, 5, 3, 2, 4})});
  const std::string moved = b.Node("Transpose", {boxes}, OnnxAttributes().Ints("perm", {2, 0, 3, 1, 4}));
  const std::string q =
      b.Node("Gather", {moved, b.Tensor<int64_t>("one", {}, 7, {1})}, OnnxAttributes().Int("axis", 0));
  b.Node("Abs", {q}, {"y"});
  b.Output("y");
  const Graph graph = Move(b.Build(), RandomInputs({{2, 5, 24}}));
  EXPECT_EQ(Count(graph, {"Reshape", "View", "Transpose", "Gather"}), 0u) << Print(graph);
  EXPECT_EQ(Count(graph, "Strided"), 1u) << Print(graph);
}

TEST(ComposeMovement, ValuesThatAreSeenStay) {
  OnnxBuilder b;
  b.Input("x", {2, 3, 4});
  b.Node("Transpose", {"x"}, {"seen"}, OnnxAttributes().Ints("perm", {2, 0, 1}));
  b.Node("Reshape", {"seen", b.Ints("flat", {4, 6})}, {"y"});
  const std::string back = b.Node("Transpose", {"seen"}, OnnxAttributes().Ints("perm", {1, 2, 0}));
  b.Node("Add", {back, "x"}, {"twice"});
  for (const char* name : {"seen", "y", "twice"}) b.Output(name);
  Move(b.Build(), RandomInputs({{2, 3, 4}}));
}

TEST(ComposeMovement, RollsAndUnevenPartsStayRight) {
  OnnxBuilder b;
  b.Input("x", {1, 2, 7, 3});
  b.Node("Split", {"x", b.Ints("parts", {3, 4})}, {"first", "rest"}, OnnxAttributes().Int("axis", 2));
  const std::string roll = b.Node("Concat", {"rest", "first"}, OnnxAttributes().Int("axis", 2));
  b.Node("Transpose", {roll}, {"y"}, OnnxAttributes().Ints("perm", {0, 2, 3, 1}));
  b.Output("y");
  Move(b.Build(), RandomInputs({{1, 2, 7, 3}}));
}

// Random movement, with sums between that want dense operands and outputs in the middle.
class RandomMovement {
 public:
  explicit RandomMovement(uint32_t seed) : random_(seed) {
    const Shape shape{1, 2 * Pick(1, 3), 2 * Pick(1, 3), 2 * Pick(1, 4)};
    input_ = shape;
    builder_.Input("x", {shape[0], shape[1], shape[2], shape[3]});
    values_.push_back({"x", shape});
    const int64_t nodes = Pick(3, 12);
    for (int64_t i = 0; i < nodes; ++i) AddNode();
    builder_.Node("Neg", {values_.back().name}, {"y"});
    builder_.Output("y");
    const Value& middle = values_[static_cast<size_t>(Pick(0, static_cast<int64_t>(values_.size()) - 1))];
    if (middle.name != "x") builder_.Output(middle.name);
  }
  std::string Build() const { return builder_.Build(); }
  const Shape& input() const { return input_; }

 private:
  struct Value {
    std::string name;
    Shape shape;
  };

  int64_t Pick(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }
  std::string Ints(const std::vector<int64_t>& values) {
    return builder_.Ints("i" + std::to_string(constants_++), values);
  }

  void AddNode() {
    const Value x = values_[static_cast<size_t>(Pick(0, static_cast<int64_t>(values_.size()) - 1))];
    const int64_t rank = static_cast<int64_t>(x.shape.rank());
    const int64_t d = Pick(0, rank - 1);
    const size_t axis = static_cast<size_t>(d);
    const auto with = [&](int64_t extent) {
      Shape shape = x.shape;
      shape[axis] = extent;
      return shape;
    };
    switch (Pick(0, 5)) {
      case 0: {  // two neighbouring dimensions become one, or one of even extent becomes two
        Shape shape = x.shape;
        if (rank > 2 && Pick(0, 1) && d + 1 < rank) {
          shape[axis] *= shape[axis + 1];
          shape.erase(axis + 1);
        } else if (x.shape[axis] % 2 == 0 && rank < 6) {
          shape[axis] /= 2;
          shape.insert(axis + 1, 2);
        }
        return Keep(builder_.Node("Reshape", {x.name, Ints({shape.begin(), shape.end()})}), shape);
      }
      case 1: {
        std::vector<int64_t> perm;
        for (int64_t i = 0; i < rank; ++i) perm.push_back(i);
        std::shuffle(perm.begin(), perm.end(), random_);
        Shape shape;
        for (int64_t i : perm) shape.push_back(x.shape[static_cast<size_t>(i)]);
        return Keep(builder_.Node("Transpose", {x.name}, OnnxAttributes().Ints("perm", perm)), shape);
      }
      case 2: {
        if (x.shape[axis] < 2) return;
        const int64_t start = Pick(0, x.shape[axis] - 1), end = Pick(start + 1, x.shape[axis]);
        return Keep(builder_.Node("Slice", {x.name, Ints({start}), Ints({end}), Ints({d})}), with(end - start));
      }
      case 3: {
        if (x.shape[axis] % 2 != 0) return;
        const std::string stem = "s" + std::to_string(constants_++);
        builder_.Node("Split", {x.name}, {stem + "a", stem + "b"}, OnnxAttributes().Int("axis", d));
        Keep(stem + "a", with(x.shape[axis] / 2));
        Keep(stem + "b", with(x.shape[axis] / 2));
        const int64_t other = Pick(0, rank - 1);
        Shape joined = with(x.shape[axis] / 2);
        joined[static_cast<size_t>(other)] *= 2;
        return Keep(builder_.Node("Concat", {stem + "a", stem + "b"}, OnnxAttributes().Int("axis", other)), joined);
      }
      case 4: {
        const int64_t index = Pick(-x.shape[axis], x.shape[axis] - 1);
        return Keep(builder_.Node("Gather", {x.name, Ints({index})}, OnnxAttributes().Int("axis", d)), with(1));
      }
      default: return Keep(builder_.Node("Add", {x.name, x.name}), x.shape);
    }
  }
  void Keep(const std::string& name, const Shape& shape) { values_.push_back({name, shape}); }

  std::mt19937 random_;
  OnnxBuilder builder_;
  Shape input_;
  std::vector<Value> values_;
  int constants_ = 0;
};

TEST(ComposeMovement, RandomChainsMoveTheSameElements) {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const RandomMovement movement(seed);
    Move(movement.Build(), RandomInputs({movement.input()}));
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace decal
