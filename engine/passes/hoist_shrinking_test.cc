// What shrinks the tensors that are alive runs early, and nothing else moves; the results are the same to the
// bit.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/support/pass_test.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

constexpr int64_t kRows = 4, kColumns = 6;

// A model whose input is x [4,6], and the order that its nodes run in.
struct OrderModel {
  OnnxBuilder b;
  OrderModel() { b.Input("x", {kRows, kColumns}); }
  std::string Node(const std::string& op, const std::vector<std::string>& inputs) { return b.Node(op, inputs); }
  // Over the columns: a sixth of what it reads.
  std::string Shrunk(const std::vector<std::string>& inputs) {
    return b.Node("ReduceMean", inputs, OnnxAttributes().Ints("axes", {1}));
  }

  // The names of the operators after the pass, in their order.
  std::vector<std::string> OrderFor(const std::vector<std::string>& outputs) {
    for (const std::string& name : outputs) b.Output(name);
    const auto plain = ImportAndInfer(b.Build());
    auto graph = ImportAndInfer(b.Build());
    EXPECT_TRUE(plain) << plain.error().ToString();
    EXPECT_TRUE(HoistShrinking(*graph));
    EXPECT_TRUE(Verify(*graph)) << Print(*graph);
    EXPECT_EQ(graph->outputs, plain->outputs);
    const std::vector<TestTensor> inputs = RandomInputs({{kRows, kColumns}});
    EXPECT_EQ(RunByReference(*graph, inputs), RunByReference(*plain, inputs));
    std::vector<std::string> order;
    for (const auto& node : graph->nodes) order.push_back(OpName(node.op));
    return order;
  }
};

using Order = std::vector<std::string>;

TEST(HoistShrinking, ASideOutputRunsBehindTheLastOtherReader) {
  OrderModel m;
  const std::string a = m.Node("Exp", {"x"}), root = m.Node("Sqrt", {a});
  const std::string tail = m.Node("Abs", {m.Node("Neg", {root})});
  EXPECT_EQ(m.OrderFor({tail, m.Shrunk({a})}), (Order{"Exp", "Sqrt", "ReduceMean", "Neg", "Abs"}));
}

TEST(HoistShrinking, ItsReadersFollow) {
  OrderModel m;
  const std::string a = m.Node("Exp", {"x"}), tail = m.Node("Abs", {m.Node("Neg", {a})});
  const std::string mean = m.Shrunk({a});
  const std::string whole = m.b.Node("ReduceMax", {mean}, OnnxAttributes().Ints("axes", {0}));
  EXPECT_EQ(m.OrderFor({tail, whole}), (Order{"Exp", "Neg", "ReduceMean", "ReduceMax", "Abs"}));
}

TEST(HoistShrinking, EveryInputIsThereBefore) {
  OrderModel m;  // what dies is two tensors; the second is made late
  const std::string a = m.Node("Exp", {"x"}), late = m.Node("Neg", {m.Node("Abs", {"x"})});
  const std::string tail = m.Node("Sigmoid", {m.Node("Tanh", {"x"})});
  const std::string sum = m.Node("Add", {a, late});  // as large as one of the two
  EXPECT_EQ(m.OrderFor({tail, sum}), (Order{"Exp", "Abs", "Neg", "Add", "Tanh", "Sigmoid"}));
}

TEST(HoistShrinking, WhatDoesNotShrinkStays) {
  OrderModel same;
  const std::string a = same.Node("Exp", {"x"}), tail = same.Node("Abs", {"x"});
  EXPECT_EQ(same.OrderFor({tail, same.Node("Neg", {a})}), (Order{"Exp", "Abs", "Neg"}));
  OrderModel grows;
  const std::string g = grows.Node("Exp", {"x"}), grown_tail = grows.Node("Abs", {"x"});
  const std::string pair = grows.b.Node("Concat", {g, g}, OnnxAttributes().Int("axis", 0));
  EXPECT_EQ(grows.OrderFor({grown_tail, pair}), (Order{"Exp", "Abs", "Concat"}));
}

TEST(HoistShrinking, AnInputThatIsReadTwiceDiesOnce) {
  OrderModel m;
  const std::string a = m.Node("Exp", {"x"}), tail = m.Node("Abs", {"x"});
  EXPECT_EQ(m.OrderFor({tail, m.Node("Mul", {a, a})}), (Order{"Exp", "Abs", "Mul"}));
}

TEST(HoistShrinking, AllOutputsCount) {
  OrderModel m;
  const std::string a = m.Node("Exp", {"x"}), tail = m.Node("Abs", {"x"});
  m.b.Node("Split", {a, m.b.Ints("parts", {1, 3})}, {"p", "q"});
  EXPECT_EQ(m.OrderFor({tail, "p", "q"}), (Order{"Exp", "Abs", "Split"}));
}

TEST(HoistShrinking, WhatIsReadLaterDoesNotDie) {
  OrderModel m;
  const std::string a = m.Node("Exp", {"x"}), tail = m.Node("Abs", {"x"});
  const std::string mean = m.Shrunk({a});
  EXPECT_EQ(m.OrderFor({tail, mean, m.Node("Neg", {a})}), (Order{"Exp", "Abs", "ReduceMean", "Neg"}));
}

TEST(HoistShrinking, OneInputThatDiesIsEnough) {
  OrderModel m;  // [1,4] that is read again, and [4,6] that is not
  const std::string a = m.Node("Exp", {"x"}), row = m.Node("Transpose", {m.Shrunk({"x"})}), tail = m.Node("Abs", {"x"});
  const std::string product = m.Node("MatMul", {row, a});
  EXPECT_EQ(m.OrderFor({tail, product, m.Node("Neg", {row})}),
            (Order{"Exp", "ReduceMean", "Transpose", "MatMul", "Abs", "Neg"}));
}

TEST(HoistShrinking, InputsAndOutputsOfTheGraphDoNotDie) {
  OrderModel input;
  const std::string tail = input.Node("Abs", {input.Node("Exp", {"x"})});
  EXPECT_EQ(input.OrderFor({tail, input.Shrunk({"x"})}), (Order{"Exp", "Abs", "ReduceMean"}));
  OrderModel output;
  const std::string a = output.Node("Exp", {"x"}), rest = output.Node("Abs", {"x"});
  EXPECT_EQ(output.OrderFor({a, rest, output.Shrunk({a})}), (Order{"Exp", "Abs", "ReduceMean"}));
}

TEST(HoistShrinking, ConstantsDoNotDie) {
  OrderModel m;  // [1,6] as large as it was, beside a known matrix that is larger
  const std::string row = m.b.Node("ReduceMax", {"x"}, OnnxAttributes().Ints("axes", {0}));
  const std::string tail = m.Node("Abs", {"x"});
  std::mt19937 random(testing::TestSeed(3));
  m.b.RandomFloats("w", {kColumns, kColumns}, random);
  EXPECT_EQ(m.OrderFor({tail, m.Node("MatMul", {row, "w"})}), (Order{"ReduceMax", "Abs", "MatMul"}));
}

}  // namespace
}  // namespace decal
