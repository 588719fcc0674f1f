// Data movement: hand-written expectations for the references, and kernels against references.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "engine/ops/movement/movement.h"
#include "engine/ops/movement/slice_spec.h"
#include "tests/support/kernel_test.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using testing::RunKernel;
using testing::TestInput;
using testing::TestTensor;

TestTensor Integers(std::initializer_list<int64_t> values) {
  TestTensor tensor = TestTensor::Dense(Shape{static_cast<int64_t>(values.size())}, Layout::kRowMajor, DType::kInt64);
  std::copy(values.begin(), values.end(), tensor.mutable_view().as<int64_t>());
  return tensor;
}

// Shape rule with every input known.
template <class Op>
Result<std::vector<TensorType>> InferKnown(const Op& op, const std::vector<const TestTensor*>& inputs,
                                           size_t outputs = 1) {
  std::vector<ConstantPtr> constants;
  std::vector<InferInput> infer;
  for (const TestTensor* t : inputs) {
    constants.push_back(t ? t->ToConstant() : nullptr);
    infer.push_back(t ? InferInput{true, t->view().dtype, t->shape(), constants.back().get()} : InferInput{});
  }
  return Infer(op, InferContext{infer, outputs});
}

template <class Op>
std::vector<float> RunOne(const Op& op, const std::vector<const TestTensor*>& inputs) {
  auto types = InferKnown(op, inputs);
  if (!types) {
    ADD_FAILURE() << types.error().ToString();
    return {};
  }
  TestTensor out = TestTensor::Dense(*(*types)[0].shape);
  std::vector<TensorView> in;
  for (const TestTensor* t : inputs) in.push_back(t ? t->view() : TensorView());
  const MutableTensorView view = out.mutable_view();
  EXPECT_TRUE(Reference(op, in, {&view, 1}));
  return out.Values();
}

template <class Op>
ErrorCode InferError(const Op& op, const std::vector<const TestTensor*>& inputs) {
  auto types = InferKnown(op, inputs);
  return types ? ErrorCode::kInternal : types.error().code;
}

TEST(Movement, SliceCountsAsNumPyDoes) {
  const TestTensor x = TestTensor::Of({2, 3}, {1, 2, 3, 4, 5, 6});
  const TestTensor axes = Integers({1});
  const auto slice = [&](int64_t start, int64_t end, int64_t step) {
    const TestTensor s = Integers({start}), e = Integers({end}), p = Integers({step});
    return RunOne(Slice{}, {&x, &s, &e, &axes, &p});
  };
  EXPECT_EQ(slice(0, 2, 1), (std::vector<float>{1, 2, 4, 5}));
  EXPECT_EQ(slice(-1, INT64_MAX, 1), (std::vector<float>{3, 6}));
  EXPECT_EQ(slice(0, 3, 2), (std::vector<float>{1, 3, 4, 6}));
  EXPECT_EQ(slice(-1, INT64_MIN, -1), (std::vector<float>{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(slice(2, 0, -2), (std::vector<float>{3, 6}));
  EXPECT_TRUE(slice(2, 1, 1).empty());
}

TEST(Movement, PadModes) {
  const TestTensor x = TestTensor::Of({1, 3}, {1, 2, 3}), pads = Integers({0, 2, 0, 1}),
                   value = TestTensor::Of({}, {9});
  EXPECT_EQ(RunOne(Pad{PadMode::kConstant}, {&x, &pads, &value}), (std::vector<float>{9, 9, 1, 2, 3, 9}));
  EXPECT_EQ(RunOne(Pad{PadMode::kReflect}, {&x, &pads}), (std::vector<float>{3, 2, 1, 2, 3, 2}));
  EXPECT_EQ(RunOne(Pad{PadMode::kEdge}, {&x, &pads}), (std::vector<float>{1, 1, 1, 2, 3, 3}));
  const TestTensor crop = Integers({0, -1, 0, 0});
  EXPECT_EQ(RunOne(Pad{}, {&x, &crop}), (std::vector<float>{2, 3}));
}

TEST(Movement, GatherTakesNegativeIndicesAndRefusesOthers) {
  const TestTensor x = TestTensor::Of({3, 2}, {1, 2, 3, 4, 5, 6}), good = Integers({2, -3}), bad = Integers({3});
  EXPECT_EQ(RunOne(Gather{0}, {&x, &good}), (std::vector<float>{5, 6, 1, 2}));
  TestTensor out = TestTensor::Dense({1, 2});
  const TensorView in[] = {x.view(), bad.view()};
  const MutableTensorView view = out.mutable_view();
  EXPECT_FALSE(Reference(Gather{0}, in, {&view, 1}));
}

TEST(Movement, ReshapeKeepsAndInfersExtents) {
  const TestTensor x = TestTensor::Of({2, 3}, {1, 2, 3, 4, 5, 6});
  const TestTensor keep = Integers({0, -1, 1}), wrong = Integers({4, -1}), twice = Integers({-1, -1});
  auto types = InferKnown(Reshape{}, {&x, &keep});
  ASSERT_TRUE(types);
  EXPECT_EQ((*types)[0].shape->ToString(), "[2,3,1]");
  EXPECT_EQ(InferError(Reshape{}, {&x, &wrong}), ErrorCode::kShapeMismatch);
  EXPECT_EQ(InferError(Reshape{}, {&x, &twice}), ErrorCode::kShapeMismatch);
}

TEST(Movement, SplitAndConcatAreInverse) {
  const TestTensor x = TestTensor::Of({1, 5}, {1, 2, 3, 4, 5});
  auto types = InferKnown(Split{1, 2}, {&x, nullptr}, 2);
  ASSERT_TRUE(types);
  EXPECT_EQ((*types)[0].shape->ToString(), "[1,3]");
  EXPECT_EQ((*types)[1].shape->ToString(), "[1,2]");
  TestTensor a = TestTensor::Dense({1, 3}), b = TestTensor::Dense({1, 2});
  const MutableTensorView parts[] = {a.mutable_view(), b.mutable_view()};
  const TensorView in[] = {x.view(), {}};
  ASSERT_TRUE(Reference(Split{1, 2}, in, parts));
  EXPECT_EQ(RunOne(Concat{1}, {&a, &b}), x.Values());
}

// ---- kernels against references ----------------------------------------------------------------

Shape RandomShape(std::mt19937& random, size_t rank) {
  Shape shape;
  for (size_t i = 0; i < rank; ++i) shape.push_back(1 + static_cast<int64_t>(random() % 7));
  return shape;
}

// Dense in either layout, or a channel slice of something larger.
TestTensor RandomStrides(std::mt19937& random, const Shape& shape) {
  if (shape.rank() == 4 && random() % 3 == 0)
    return TestTensor::ConcatSlice(shape, shape[1] + static_cast<int64_t>(random() % 5), 16);
  return TestTensor::Dense(shape, random() % 2 ? Layout::kChannelsLast : Layout::kRowMajor);
}

template <class Op>
void CompareWithReference(std::mt19937& random, const Op& op, const std::vector<TestInput>& inputs) {
  std::vector<const TestTensor*> tensors;
  for (const TestInput& input : inputs) tensors.push_back(input.tensor);
  auto types = InferKnown(op, tensors);
  ASSERT_TRUE(types) << types.error().ToString();
  const Shape shape = *(*types)[0].shape;
  TestTensor expected = TestTensor::Dense(shape), actual = RandomStrides(random, shape);
  const MutableTensorView view = expected.mutable_view();
  ASSERT_TRUE(Reference(op, testing::Views(inputs), {&view, 1}));
  TestTensor* out = &actual;
  if (!RunKernel(op, inputs, {&out, 1}, 1 + random() % 3)) return;
  EXPECT_EQ(actual.Values(), expected.Values()) << shape.ToString();
  EXPECT_TRUE(actual.GuardsIntact());
}

TEST(MovementKernels, TransposesOfAllRanks) {
  std::mt19937 random(testing::TestSeed(3));
  for (int round = 0; round < 300; ++round) {
    Shape shape = RandomShape(random, 1 + random() % 6);
    if (round < 20) shape = Shape{1, 3 + round, 70, 45};  // several tiles of the blocked loop
    TestTensor x = RandomStrides(random, shape);
    x.FillRandom(random);
    std::vector<int64_t> perm(shape.rank());
    for (size_t i = 0; i < perm.size(); ++i) perm[i] = static_cast<int64_t>(i);
    std::shuffle(perm.begin(), perm.end(), random);
    CompareWithReference(random, Transpose{Dims(perm)}, {{&x}});
    CompareWithReference(random, Relayout{}, {{&x}});
  }
}

TEST(MovementKernels, ConcatsSlicesPadsAndExpands) {
  std::mt19937 random(testing::TestSeed(4));
  for (int round = 0; round < 300; ++round) {
    const Shape shape = RandomShape(random, 4);
    const size_t axis = random() % 4;
    Shape other = shape;
    other[axis] = 1 + static_cast<int64_t>(random() % 5);
    TestTensor a = RandomStrides(random, shape), b = RandomStrides(random, other);
    a.FillRandom(random);
    b.FillRandom(random);
    CompareWithReference(random, Concat{static_cast<int64_t>(axis)}, {{&a}, {&b}, {&a}});

    const TestTensor axes = Integers({static_cast<int64_t>(axis)}),
                     starts = Integers({static_cast<int64_t>(random() % 3)}), ends = Integers({100}),
                     steps = Integers({1 + static_cast<int64_t>(random() % 2)});
    CompareWithReference(random, Slice{}, {{&a}, {&starts, true}, {&ends, true}, {&axes, true}, {&steps, true}});

    TestTensor pads = Integers({0, 0, 0, 0, 0, 0, 0, 0});
    for (int i = 0; i < 8; ++i) pads.mutable_view().as<int64_t>()[i] = static_cast<int64_t>(random() % 4);
    const TestTensor value = TestTensor::Of({}, {0.5f});
    CompareWithReference(random, Pad{}, {{&a}, {&pads, true}, {&value, true}});

    Shape thin = shape;
    thin[axis] = 1;
    TestTensor c = RandomStrides(random, thin);
    c.FillRandom(random);
    const TestTensor target = Integers({shape[0], shape[1], shape[2], shape[3]});
    CompareWithReference(random, Expand{}, {{&c}, {&target, true}});
  }
}

TEST(MovementKernels, TilesAndGathers) {
  std::mt19937 random(testing::TestSeed(6));
  for (int round = 0; round < 100; ++round) {
    const Shape shape = RandomShape(random, 4);
    TestTensor x = RandomStrides(random, shape);
    x.FillRandom(random);
    const TestTensor repeats = Integers({1, 2, 1 + round % 3, 3});
    CompareWithReference(random, Tile{}, {{&x}, {&repeats, true}});
    const int64_t axis = round % 4, extent = shape[static_cast<size_t>(axis)];
    const TestTensor indices = Integers({extent - 1, -extent, 0});
    CompareWithReference(random, Gather{axis}, {{&x}, {&indices}});
  }
}

TEST(MovementKernels, EveryElementSizeIsCopied) {
  for (DType dtype : {DType::kInt8, DType::kFloat16, DType::kInt32, DType::kInt64}) {
    TestTensor x = TestTensor::Dense({5, 7}, Layout::kRowMajor, dtype),
               out = TestTensor::Dense({7, 5}, Layout::kRowMajor, dtype);
    const size_t size = SizeOf(dtype);
    char* bytes = x.mutable_view().as<char>();
    for (size_t b = 0; b < 35 * size; ++b) bytes[b] = static_cast<char>(b * 37);
    TestTensor* outputs[] = {&out};
    const TestInput inputs[] = {{&x}};
    ASSERT_TRUE(RunKernel(Transpose{}, inputs, outputs, 1));
    for (size_t r = 0; r < 5; ++r)
      for (size_t c = 0; c < 7; ++c)
        EXPECT_EQ(std::memcmp(out.view().as<char>() + (c * 5 + r) * size, bytes + (r * 7 + c) * size, size), 0)
            << Name(dtype);
  }
}

TEST(MovementKernels, BlocksMoveBetweenDepthAndSpace) {
  std::mt19937 random(testing::TestSeed(7));
  TestTensor deep = TestTensor::Dense({2, 12, 3, 5}, Layout::kChannelsLast), wide = TestTensor::Dense({2, 3, 6, 10});
  deep.FillRandom(random);
  wide.FillRandom(random);
  CompareWithReference(random, DepthToSpace{2, false}, {{&deep}});
  CompareWithReference(random, DepthToSpace{2, true}, {{&deep}});
  CompareWithReference(random, SpaceToDepth{2}, {{&wide}});
}

TEST(MovementKernels, ViewsOfStridedTensors) {
  std::mt19937 random(testing::TestSeed(5));
  for (int round = 0; round < 100; ++round) {
    const Shape shape = RandomShape(random, 4);
    TestTensor x = RandomStrides(random, shape);
    x.FillRandom(random);
    const TestTensor flat = Integers({-1});
    CompareWithReference(random, Reshape{}, {{&x}, {&flat, true}});
  }
}

}  // namespace
}  // namespace decal
