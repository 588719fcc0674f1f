// Operators that follow indices: the examples of their definitions by hand, and indices that lead outside.
// SPDX-License-Identifier: MIT
#include "engine/ops/indexing/indexing.h"

#include "engine/ops/pointwise_test.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

using F = std::vector<float>;
using I = std::vector<int64_t>;

// The reference's status, with outputs of the inferred types.
template <class Op>
Status RunStatus(const Op& op, std::span<const TestInput> inputs) {
  const auto type = InferWithConstants(op, inputs);
  if (!type) return std::unexpected(type.error());
  TestTensor out = TestTensor::Dense(*type->shape, Layout::kRowMajor, type->dtype);
  const MutableTensorView to = out.mutable_view();
  return Reference(op, Views(inputs), std::span(&to, 1));
}

TEST(GatherNd, TakesElementsSlicesAndBatches) {
  const TestTensor x = TestTensor::Of({2, 2}, {1, 2, 3, 4});
  const TestTensor cells = TensorOf<int64_t>({2, 2}, {0, 0, 1, -1}), rows = TensorOf<int64_t>({2, 1}, {1, 0});
  const TestInput elements[] = {{&x}, {&cells}}, slices[] = {{&x}, {&rows}};
  EXPECT_EQ(RunReferenceOf(GatherNd{}, elements).Values(), (F{1, 4}));
  EXPECT_EQ(RunReferenceOf(GatherNd{}, slices).Values(), (F{3, 4, 1, 2}));
  EXPECT_EQ(RunReferenceOf(GatherNd{.batch_dims = 1}, slices).Values(), (F{2, 3}));
}

TEST(GatherNd, AnIndexOutsideIsAnError) {
  const TestTensor x = TestTensor::Of({2}, {1, 2}), bad = TensorOf<int64_t>({1, 1}, {2});
  const TestInput inputs[] = {{&x}, {&bad}};
  EXPECT_FALSE(RunStatus(GatherNd{}, inputs));
  const TestTensor deep = TensorOf<int64_t>({1, 2}, {0, 0});
  const TestInput too_deep[] = {{&x}, {&deep}};
  EXPECT_EQ(InferOne(GatherNd{}, too_deep).error().code, ErrorCode::kShapeMismatch);
}

TEST(ScatterNd, ReplacesOrCombines) {
  const TestTensor x = TestTensor::Of({4}, {1, 2, 3, 4}), at = TensorOf<int64_t>({2, 1}, {1, 1});
  const TestTensor updates = TestTensor::Of({2}, {10, 20});
  const TestInput inputs[] = {{&x}, {&at}, {&updates}};
  EXPECT_EQ(RunReferenceOf(ScatterNd{}, inputs).Values(), (F{1, 20, 3, 4}));
  EXPECT_EQ(RunReferenceOf(ScatterNd{ScatterReduction::kAdd}, inputs).Values(), (F{1, 32, 3, 4}));
  EXPECT_EQ(RunReferenceOf(ScatterNd{ScatterReduction::kMul}, inputs).Values(), (F{1, 400, 3, 4}));
  EXPECT_EQ(RunReferenceOf(ScatterNd{ScatterReduction::kMin}, inputs).Values(), (F{1, 2, 3, 4}));
  EXPECT_EQ(RunReferenceOf(ScatterNd{ScatterReduction::kMax}, inputs).Values(), (F{1, 20, 3, 4}));
}

TEST(ScatterNd, UpdatesMustFitAndStayInside) {
  const TestTensor x = TestTensor::Of({4}, {1, 2, 3, 4}), at = TensorOf<int64_t>({2, 1}, {1, 9});
  const TestTensor two = TestTensor::Of({2}, {1, 2}), three = TestTensor::Of({3}, {1, 2, 3});
  const TestInput outside[] = {{&x}, {&at}, {&two}}, too_many[] = {{&x}, {&at}, {&three}};
  EXPECT_FALSE(RunStatus(ScatterNd{}, outside));
  EXPECT_EQ(InferOne(ScatterNd{}, too_many).error().code, ErrorCode::kShapeMismatch);
}

TEST(Elements, GatherAndScatterAlongAnAxis) {
  const TestTensor x = TestTensor::Of({2, 2}, {1, 2, 3, 4}), at = TensorOf<int64_t>({2, 2}, {0, 0, 1, -2});
  const TestInput gather[] = {{&x}, {&at}};
  EXPECT_EQ(RunReferenceOf(GatherElements{1}, gather).Values(), (F{1, 1, 4, 3}));
  EXPECT_EQ(RunReferenceOf(GatherElements{0}, gather).Values(), (F{1, 2, 3, 2}));
  const TestTensor one = TensorOf<int64_t>({1, 2}, {1, 0}), updates = TestTensor::Of({1, 2}, {7, 9});
  const TestInput scatter[] = {{&x}, {&one}, {&updates}};
  EXPECT_EQ(RunReferenceOf(ScatterElements{0}, scatter).Values(), (F{1, 9, 7, 4}));
  EXPECT_EQ(RunReferenceOf(ScatterElements{0, ScatterReduction::kAdd}, scatter).Values(), (F{1, 11, 10, 4}));
  const TestTensor bad = TensorOf<int64_t>({1, 2}, {2, 0});
  const TestInput outside[] = {{&x}, {&bad}}, outside_scatter[] = {{&x}, {&bad}, {&updates}};
  EXPECT_FALSE(RunStatus(GatherElements{0}, outside));
  EXPECT_FALSE(RunStatus(ScatterElements{0}, outside_scatter));
}

TEST(TopK, EqualElementsComeInOrderAndNaNIsLargest) {
  const TestTensor x = TestTensor::Of({5}, {2, 7, NAN, 7, 1}), k = TensorOf<int64_t>({1}, {3});
  const TestInput inputs[] = {{&x}, {&k, true}};
  const std::vector<TestTensor> largest = RunReferenceOutputs(TopK{}, inputs, 2);
  EXPECT_EQ(ValuesOf<int64_t>(largest[1]), (I{2, 1, 3}));
  const std::vector<TestTensor> smallest = RunReferenceOutputs(TopK{.largest = false}, inputs, 2);
  EXPECT_EQ(smallest[0].Values(), (F{1, 2, 7}));
  EXPECT_EQ(ValuesOf<int64_t>(smallest[1]), (I{4, 0, 1}));
  const TestTensor six = TensorOf<int64_t>({1}, {6});
  const TestInput too_many[] = {{&x}, {&six, true}};
  EXPECT_EQ(InferWithConstants(TopK{}, too_many, 2).error().code, ErrorCode::kShapeMismatch);
}

TEST(ArgReduce, FirstOrLastOfEqualOnes) {
  const TestTensor x = TestTensor::Of({2, 3}, {3, 1, 3, 0, 0, 5});
  const TestInput inputs[] = {{&x}};
  const auto run = [&](ArgReduce op) { return ValuesOf<int64_t>(RunReferenceOf(op, inputs)); };
  EXPECT_EQ(run({.axis = 1}), (I{0, 2}));
  EXPECT_EQ(run({.axis = 1, .last = true}), (I{2, 2}));
  EXPECT_EQ(run({.max = false, .axis = 1}), (I{1, 0}));
  EXPECT_EQ(*InferOne(ArgReduce{.axis = 1, .keepdims = false}, inputs)->shape, (Shape{2}));
}

TEST(CumSum, AllFourWays) {
  const TestTensor x = TensorOf<int64_t>({3}, {1, 2, 3}), axis = TensorOf<int64_t>({}, {0});
  const TestInput inputs[] = {{&x}, {&axis, true}};
  const auto run = [&](bool exclusive, bool reverse) {
    return ValuesOf<int64_t>(RunReferenceOf(CumSum{exclusive, reverse}, inputs));
  };
  EXPECT_EQ(run(false, false), (I{1, 3, 6}));
  EXPECT_EQ(run(true, false), (I{0, 1, 3}));
  EXPECT_EQ(run(false, true), (I{6, 5, 3}));
  EXPECT_EQ(run(true, true), (I{5, 3, 0}));
}

TEST(NonZero, NeedsAKnownTensor) {
  const TestTensor x = TestTensor::Of({2, 2}, {0, 1, 2, 0});
  const TestInput known[] = {{&x, true}}, unknown[] = {{&x}};
  EXPECT_EQ(ValuesOf<int64_t>(RunReferenceOf(NonZero{}, known)), (I{0, 1, 1, 0}));
  EXPECT_EQ(InferWithConstants(NonZero{}, unknown).error().code, ErrorCode::kUnsupportedOperator);
}

TEST(Einsum, ProductsDiagonalsAndTraces) {
  const TestTensor a = TestTensor::Of({2, 2}, {1, 2, 3, 4}), b = TestTensor::Of({2, 2}, {5, 6, 7, 8});
  const TestInput two[] = {{&a}, {&b}}, one[] = {{&a}};
  EXPECT_EQ(RunReferenceOf(Einsum{"ij,jk->ik"}, two).Values(), (F{19, 22, 43, 50}));
  EXPECT_EQ(RunReferenceOf(Einsum{"ij,ij"}, two).Values(), (F{5 + 12 + 21 + 32}));
  EXPECT_EQ(RunReferenceOf(Einsum{"ii->i"}, one).Values(), (F{1, 4}));
  EXPECT_EQ(RunReferenceOf(Einsum{"ii"}, one).Values(), (F{5}));
  EXPECT_EQ(RunReferenceOf(Einsum{"...j->j..."}, one).Values(), (F{1, 3, 2, 4}));
  for (const char* bad : {"ij,jk->il", "ij", "ijk,jk->i", "i j - > k"}) EXPECT_FALSE(InferOne(Einsum{bad}, two)) << bad;
}

}  // namespace
}  // namespace decal
