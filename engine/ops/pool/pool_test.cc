// Pooling: ONNX sizes, padding and averages by hand, then kernels against the reference.
// SPDX-License-Identifier: MIT
#include "engine/ops/pool/pool.h"

#include "engine/ops/pointwise_test.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

Pool Make(PoolKind kind, Dims kernel, Dims strides, Dims begin = {}, Dims end = {}) {
  Pool pool{.kind = kind};
  pool.window.kernel = kernel;
  pool.window.strides = strides;
  pool.window.pads_begin = begin;
  pool.window.pads_end = end;
  return pool;
}

std::vector<float> Reference1D(const Pool& op, std::initializer_list<float> values) {
  const TestTensor x = TestTensor::Of({1, 1, static_cast<int64_t>(values.size())}, values);
  const TestInput inputs[] = {{&x}};
  return RunReferenceOf(op, inputs).Values();
}

TEST(PoolReference, CeilModeKeepsAPartialWindow) {
  Pool op = Make(PoolKind::kMax, {2}, {2});
  EXPECT_EQ(Reference1D(op, {1, 2, 3, 4, 5}), (std::vector<float>{2, 4}));
  op.ceil_mode = true;
  EXPECT_EQ(Reference1D(op, {1, 2, 3, 4, 5}), (std::vector<float>{2, 4, 5}));
}

TEST(PoolReference, CeilModeDropsAWindowThatStartsInTheRightPadding) {
  Pool op = Make(PoolKind::kMax, {2}, {2}, {1}, {1});
  op.ceil_mode = true;
  // Windows start at -1, 1 and 3; 3 lies in the padding behind three elements.
  EXPECT_EQ(Reference1D(op, {1, 2, 3}), (std::vector<float>{1, 3}));
}

TEST(PoolReference, AveragesCountPaddingOnlyIfAsked) {
  Pool op = Make(PoolKind::kAverage, {3}, {1}, {1}, {1});
  EXPECT_EQ(Reference1D(op, {3, 6, 9}), (std::vector<float>{4.5f, 6, 7.5f}));
  op.count_include_pad = true;
  EXPECT_EQ(Reference1D(op, {3, 6, 9}), (std::vector<float>{3, 6, 5}));
}

TEST(PoolReference, AveragesNeverCountBeyondThePaddedEdge) {
  Pool op = Make(PoolKind::kAverage, {3}, {2}, {1}, {0});
  op.ceil_mode = true;
  op.count_include_pad = true;
  // Windows start at -1, 1 and 3; the last has two cells within the padded size.
  EXPECT_EQ(Reference1D(op, {3, 6, 9, 12, 4}), (std::vector<float>{3, 9, 8}));
}

TEST(PoolReference, SameUpperPadsBehindAndSameLowerBefore) {
  Pool op = Make(PoolKind::kAverage, {2}, {1});
  op.window.auto_pad = Window::AutoPad::kSameUpper;
  EXPECT_EQ(Reference1D(op, {2, 4, 8}), (std::vector<float>{3, 6, 8}));
  op.window.auto_pad = Window::AutoPad::kSameLower;
  EXPECT_EQ(Reference1D(op, {2, 4, 8}), (std::vector<float>{2, 3, 6}));
  op.window.auto_pad = Window::AutoPad::kValid;
  EXPECT_EQ(Reference1D(op, {2, 4, 8}), (std::vector<float>{3, 6}));
}

TEST(PoolReference, DilatedWindowsSkipCells) {
  Pool op = Make(PoolKind::kMax, {2}, {1});
  op.window.dilations = {2};
  EXPECT_EQ(Reference1D(op, {5, 9, 1, 2}), (std::vector<float>{5, 9}));
}

TEST(PoolReference, NegativeMaximaBeatPadding) {
  EXPECT_EQ(Reference1D(Make(PoolKind::kMax, {3}, {1}, {1}, {1}), {-5, -2, -9}), (std::vector<float>{-2, -2, -2}));
}

TEST(PoolReference, MaximaTellWhereTheyStood) {
  const TestTensor x = TestTensor::Of({1, 1, 2, 4}, {1, 9, 2, 3, 4, 5, 6, 7});
  const TestInput inputs[] = {{&x}};
  Pool op = Make(PoolKind::kMax, {2, 2}, {2, 2});
  const std::vector<TestTensor> rows = RunReferenceOutputs(op, inputs, 2);
  EXPECT_EQ(rows[0].Values(), (std::vector<float>{9, 7}));
  EXPECT_EQ(ValuesOf<int64_t>(rows[1]), (std::vector<int64_t>{1, 7}));
  op.columns_first = true;  // offsets as if columns were contiguous
  EXPECT_EQ(ValuesOf<int64_t>(RunReferenceOutputs(op, inputs, 2)[1]), (std::vector<int64_t>{2, 7}));
}

TEST(PoolReference, VolumesAndBytes) {
  const TestTensor x = TestTensor::Of({1, 1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 12});
  const TestInput volume[] = {{&x}};
  EXPECT_EQ(RunReferenceOf(Make(PoolKind::kAverage, {2, 2, 2}, {1, 1, 1}), volume).Values(), (std::vector<float>{5}));
  EXPECT_EQ(RunReferenceOf(Make(PoolKind::kMax, {2, 1, 2}, {1, 1, 1}), volume).Values(), (std::vector<float>{6, 12}));
  const TestTensor bytes = TensorOf<uint8_t>({1, 1, 3}, {200, 3, 250});
  const TestInput row[] = {{&bytes}};
  EXPECT_EQ(ValuesOf<uint8_t>(RunReferenceOf(Make(PoolKind::kMax, {2}, {1}), row)), (std::vector<uint8_t>{200, 250}));
}

TEST(PoolShape, RefusesWhatDoesNotFit) {
  const TestTensor x = TestTensor::Of({1, 1, 3}, {1, 2, 3});
  const TestInput inputs[] = {{&x}};
  EXPECT_EQ(InferOne(Make(PoolKind::kMax, {5}, {1}), inputs).error().code, ErrorCode::kShapeMismatch);
  EXPECT_EQ(InferOne(Make(PoolKind::kMax, {2}, {0}), inputs).error().code, ErrorCode::kShapeMismatch);
  EXPECT_EQ(InferOne(Make(PoolKind::kMax, {2}, {1}, {2}, {0}), inputs).error().code, ErrorCode::kShapeMismatch);
  EXPECT_EQ(InferOne(Make(PoolKind::kMax, {2, 2}, {1, 1}), inputs).error().code, ErrorCode::kShapeMismatch);
  const std::vector<InferInput> infer = InferInputs(inputs);
  EXPECT_EQ(Infer(Make(PoolKind::kAverage, {2}, {1}), InferContext{infer, 2}).error().code,
            ErrorCode::kUnsupportedOperator);  // an average has no position
}

Pool RandomPool(std::mt19937& random, const Shape& x) {
  Pool op{.kind = Between(random, 0, 1) ? PoolKind::kMax : PoolKind::kAverage};
  for (size_t i = 0; i < 2; ++i) {
    const int64_t kernel = Between(random, 1, std::min<int64_t>(5, x[i + 2]));
    const int64_t dilation = kernel > 1 ? Between(random, 1, std::max<int64_t>(1, (x[i + 2] - 1) / (kernel - 1))) : 1;
    op.window.kernel.push_back(kernel);
    op.window.dilations.push_back(std::min<int64_t>(dilation, 3));
    op.window.strides.push_back(Between(random, 1, 3));
    op.window.pads_begin.push_back(Between(random, 0, kernel - 1));
    op.window.pads_end.push_back(Between(random, 0, kernel - 1));
  }
  op.window.auto_pad = static_cast<Window::AutoPad>(Between(random, 0, 7) < 4 ? 0 : Between(random, 0, 3));
  op.ceil_mode = Between(random, 0, 1);
  op.count_include_pad = Between(random, 0, 1);
  return op;
}

TEST(PoolKernel, MatchesTheReference) {
  ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(1));
    for (int round = 0; round < 150; ++round) {
      const Shape shape{Between(random, 1, 2), Between(random, 1, 70), Between(random, 1, 20), Between(random, 1, 20)};
      TestTensor x = RandomMap(random, shape);
      x.FillRandom(random);
      const Pool op = RandomPool(random, shape);
      const TestInput inputs[] = {{&x}};
      const Shape out_shape = *InferOne(op, inputs)->shape;
      const int64_t pixel_stride = out_shape[1] + Between(random, 0, 6);
      const auto out = [&] { return TestTensor::ConcatSlice(out_shape, pixel_stride, kGuards); };
      SCOPED_TRACE(shape.ToString() + " round " + std::to_string(round));
      ExpectKernelMatches(op, inputs, out(), out(), 1e-6);
      if (HasFailure()) return;
    }
  });
}

TEST(PoolKernel, GlobalPoolMatchesTheReferenceOnSmallAndLargeMaps) {
  ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(2));
    for (int round = 0; round < 60; ++round) {
      Shape shape{Between(random, 1, 2), Between(random, 1, 70), Between(random, 1, 20), Between(random, 1, 20)};
      if (round % 6 == 0) shape = {1, Between(random, 1, 20), 90, 310};
      TestTensor x = RandomMap(random, shape);
      x.FillRandom(random, 0, 1);
      const GlobalPool op{round % 2 ? PoolKind::kMax : PoolKind::kAverage};
      const TestInput inputs[] = {{&x}};
      const auto out = [&] { return TestTensor::ConcatSlice({shape[0], shape[1], 1, 1}, shape[1] + 3, kGuards); };
      SCOPED_TRACE(shape.ToString());
      ExpectKernelMatches(op, inputs, out(), out(), 1e-6);
      if (HasFailure()) return;
      // A window over the whole map is the same thing.
      const Pool pool = Make(op.kind, {shape[2], shape[3]}, {shape[2], shape[3]});
      ExpectKernelMatches(pool, inputs, out(), out(), 1e-6);
    }
  });
}

}  // namespace
}  // namespace decal
