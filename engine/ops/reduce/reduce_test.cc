// Reduce: element types and axes by hand, then kernels against the reference.
// SPDX-License-Identifier: MIT
#include "engine/ops/reduce/reduce.h"

#include "engine/ops/pointwise_test.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

TEST(ReduceReference, IntegersOverAxes) {
  const TestTensor x = TensorOf<int64_t>({2, 3}, {1, 2, 3, -4, 5, 7});
  const TestInput inputs[] = {{&x}};
  using I = std::vector<int64_t>;
  const auto run = [&](ReduceKind kind, Dims axes) {
    return ValuesOf<int64_t>(RunReferenceOf(Reduce{kind, axes}, inputs));
  };
  EXPECT_EQ(run(ReduceKind::kSum, {1}), (I{6, 8}));
  EXPECT_EQ(run(ReduceKind::kProd, {-1}), (I{6, -140}));
  EXPECT_EQ(run(ReduceKind::kMax, {0}), (I{1, 5, 7}));
  EXPECT_EQ(run(ReduceKind::kMin, {}), (I{-4}));
  EXPECT_EQ(run(ReduceKind::kMean, {1}), (I{2, 2}));
}

TEST(ReduceReference, DoublesKeepTheirPrecisionAndBytesTheirRange) {
  TestTensor x = TestTensor::Dense({2}, Layout::kRowMajor, DType::kFloat64);
  x.mutable_view().as<double>()[0] = 1e300;
  x.mutable_view().as<double>()[1] = 1e300;
  const TestInput inputs[] = {{&x}};
  EXPECT_EQ(RunReferenceOf(Reduce{ReduceKind::kMean}, inputs).view().as<double>()[0], 1e300);
  EXPECT_DOUBLE_EQ(RunReferenceOf(Reduce{ReduceKind::kLogSumExp}, inputs).view().as<double>()[0], 1e300);
  const TestTensor bytes = TensorOf<int8_t>({2}, {100, 100}), none = TensorOf<int8_t>({0}, {});
  const TestInput sum[] = {{&bytes}}, nothing[] = {{&none}};
  EXPECT_EQ(ValuesOf<int8_t>(RunReferenceOf(Reduce{ReduceKind::kSum}, sum)), (std::vector<int8_t>{-56}));  // wraps
  EXPECT_EQ(ValuesOf<int8_t>(RunReferenceOf(Reduce{ReduceKind::kMax}, nothing)), (std::vector<int8_t>{-128}));
  EXPECT_EQ(ValuesOf<int8_t>(RunReferenceOf(Reduce{ReduceKind::kMin}, nothing)), (std::vector<int8_t>{127}));
}

TEST(ReduceReference, AxesMayBeAnInput) {
  const TestTensor x = TestTensor::Of({2, 2}, {1, 2, 3, 5}), axes = TensorOf<int64_t>({1}, {0});
  const TestInput inputs[] = {{&x}, {&axes, true}};
  EXPECT_EQ(RunReferenceOf(Reduce{ReduceKind::kMean}, inputs).Values(), (std::vector<float>{2, 3.5f}));
}

TEST(ReduceReference, NoAxesMeanAllOrNone) {
  const TestTensor x = TestTensor::Of({2, 2}, {1, 2, 3, 5});
  const TestInput inputs[] = {{&x}};
  EXPECT_EQ(RunReferenceOf(Reduce{.kind = ReduceKind::kSum}, inputs).Values(), (std::vector<float>{11}));
  EXPECT_EQ(RunReferenceOf(Reduce{.kind = ReduceKind::kSum, .noop_with_empty_axes = true}, inputs).Values(),
            (std::vector<float>{1, 2, 3, 5}));
}

TEST(ReduceShape, KeepsOrDropsDimensions) {
  const TestTensor x = TestTensor::Dense({2, 3, 4});
  const TestInput inputs[] = {{&x}};
  EXPECT_EQ(*InferOne(Reduce{.kind = ReduceKind::kMax, .axes = {0, -1}}, inputs)->shape, (Shape{1, 3, 1}));
  EXPECT_EQ(*InferOne(Reduce{.kind = ReduceKind::kMax, .axes = {0, -1}, .keepdims = false}, inputs)->shape, (Shape{3}));
  EXPECT_EQ(InferOne(Reduce{.kind = ReduceKind::kMax, .axes = {3}}, inputs).error().code, ErrorCode::kShapeMismatch);
  const TestTensor empty = TestTensor::Dense({2, 0});
  const TestInput nothing[] = {{&empty}};
  EXPECT_EQ(InferOne(Reduce{.kind = ReduceKind::kMean, .axes = {1}}, nothing).error().code, ErrorCode::kShapeMismatch);
  EXPECT_TRUE(InferOne(Reduce{.kind = ReduceKind::kSum, .axes = {1}}, nothing).has_value());
}

constexpr ReduceKind kKinds[] = {ReduceKind::kSum, ReduceKind::kMean, ReduceKind::kMax, ReduceKind::kMin};

TEST(ReduceKernel, MatchesTheReferenceOverMapsRunsAndChannels) {
  ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(1));
    for (int round = 0; round < 160; ++round) {
      const Shape shape{Between(random, 1, 3), Between(random, 1, 40), Between(random, 1, 40), Between(random, 1, 40)};
      Reduce op{.kind = kKinds[round % 4], .keepdims = Between(random, 0, 1) == 1};
      TestTensor x = RandomMap(random, shape);
      switch (round / 4 % 3) {
        case 0: op.axes = {2, 3}; break;  // the map
        case 1: op.axes = {1}; break;     // channels, which are contiguous
        default:                         // the tail of a row-major tensor
          op.axes = {-1, -2};
          x = TestTensor::Dense(shape);
          break;
      }
      x.FillRandom(random, 0, 1);
      const TestInput inputs[] = {{&x}};
      const Shape out_shape = *InferOne(op, inputs)->shape;
      const auto out = [&] {
        return TestTensor(DType::kFloat32, out_shape, DenseStrides(out_shape, Layout::kRowMajor), kGuards);
      };
      SCOPED_TRACE(shape.ToString() + " round " + std::to_string(round));
      ExpectKernelMatches(op, inputs, out(), out(), 1e-6);
      if (HasFailure()) return;
    }
  });
}

TEST(ReduceKernel, LeavesProductsAndStridedAxesToTheReference) {
  TestTensor x = TestTensor::Dense({1, 4, 4, 4}, Layout::kChannelsLast), out = TestTensor::Dense({1, 4, 1, 4});
  const TestInput inputs[] = {{&x}};
  TestTensor* outputs[] = {&out};
  EXPECT_FALSE(RunKernel(Reduce{.kind = ReduceKind::kSum, .axes = {2}}, inputs, outputs, 1));
  TestTensor over_channels = TestTensor::Dense({1, 1, 4, 4});
  outputs[0] = &over_channels;
  std::mt19937 random(testing::TestSeed(2));
  x.FillRandom(random);
  EXPECT_TRUE(RunKernel(Reduce{.kind = ReduceKind::kSum, .axes = {1}}, inputs, outputs, 1));
  EXPECT_FALSE(RunKernel(Reduce{.kind = ReduceKind::kProd, .axes = {1}}, inputs, outputs, 1));
}

}  // namespace
}  // namespace decal
