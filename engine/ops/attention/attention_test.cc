// Attention and windows: small cases by hand, then kernels against the reference.
// SPDX-License-Identifier: MIT
#include "engine/ops/attention/attention.h"

#include <optional>

#include "engine/ops/pointwise_test.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

TEST(AttentionReference, WeighsValuesByTheirScores) {
  const TestTensor q = TestTensor::Of({1, 1, 1, 1}, {2}), k = TestTensor::Of({1, 2, 1, 1}, {0, std::log(3.0f)});
  const TestTensor v = TestTensor::Of({1, 2, 1, 2}, {4, 0, 8, 40});
  const TestTensor bias = TestTensor::Of({1, 1, 1, 2}, {0, -std::log(3.0f)});
  const TestInput inputs[] = {{&q}, {&k}, {&v}, {&bias}};
  const auto near = [](const std::vector<float>& values, float a, float b) {
    EXPECT_NEAR(values[0], a, 1e-5f);
    EXPECT_NEAR(values[1], b, 1e-5f);
  };
  near(RunReferenceOf(Attention{0.5f, 0}, std::span(inputs, 3)).Values(), 7, 30);
  near(RunReferenceOf(Attention{0.5f, 1}, inputs).Values(), 6, 20);
}

TEST(AttentionShape, RefusesWhatDoesNotFit) {
  const auto error = [](const Attention& op, const std::vector<Shape>& shapes) {
    std::vector<InferInput> inputs;
    for (const Shape& shape : shapes) inputs.push_back({true, DType::kFloat32, shape, nullptr});
    const auto types = Infer(op, InferContext{inputs, 1});
    return types ? std::optional<ErrorCode>() : types.error().code;
  };
  const Shape q{4, 3, 2, 8}, k{4, 5, 2, 8}, v{4, 5, 2, 6};
  const std::optional<ErrorCode> mismatch = ErrorCode::kShapeMismatch;
  EXPECT_EQ(error({1, 1}, {q, k, v, {2, 1, 3, 5}}), std::nullopt);
  EXPECT_EQ(error({1, 1}, {q, k, v}), mismatch);
  EXPECT_EQ(error({1, 1}, {q, k, v, {3, 1, 3, 5}}), mismatch);
  EXPECT_EQ(error({1, 1}, {q, k, v, {0, 1, 3, 5}}), mismatch);
  EXPECT_EQ(error({1, 1}, {q, k, v, {4, 2, 3, 1}}), mismatch);
  EXPECT_EQ(error({}, {q, {4, 5, 2, 7}, v}), mismatch);
  EXPECT_EQ(error({}, {q, {4, 0, 2, 8}, {4, 0, 2, 6}}), mismatch);
  EXPECT_EQ(error({1, 3}, {q, k, v, {1, 1, 3, 5}, {1, 1, 3, 5}, {1, 1, 3, 5}}), mismatch);
}

TEST(AttentionKernel, MatchesTheReferenceOnSlicesOfOneBuffer) {
  ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(1));
    for (int round = 0; round < 40; ++round) {
      const bool windows = round % 10 != 0;  // or several blocks of queries and keys, long enough with few heads
      const int64_t batch = windows ? 2 * Between(random, 1, 3) : 2, heads = Between(random, 1, windows ? 3 : 2);
      const int64_t depth = Between(random, 1, 40), columns = round % 3 ? depth : Between(random, 1, 70);
      const int64_t queries = windows ? Between(random, 1, 60) : 300, keys = round % 2 ? queries : windows ? 23 : 530;
      const auto sliced = [&](int64_t tokens, int64_t width, size_t guards) {
        return TestTensor(DType::kFloat32, {batch, tokens, heads, width},
                          {tokens * 3 * heads * 72, 3 * heads * 72, 72, 1}, guards);
      };
      TestTensor q = sliced(queries, depth, 0), k = sliced(keys, depth, 0), v = sliced(keys, columns, 0);
      TestTensor bias = TestTensor::Dense({1, heads, queries, keys}), mask = TestTensor::Dense({2, 1, queries, keys});
      for (TestTensor* tensor : {&q, &k, &v, &bias}) tensor->FillRandom(random, -2, 2);
      float* masked = mask.mutable_view().as<float>();  // the first half of the batch adds nothing
      for (int64_t i = 0; i < mask.shape().elements(); ++i)
        masked[i] = i < queries * keys || i % keys % 2 == 0 ? 0 : -std::numeric_limits<float>::infinity();
      if (keys > 520) std::fill_n(masked + queries * keys, 512, -std::numeric_limits<float>::infinity());
      const TestInput inputs[] = {{&q}, {&k}, {&v}, {&bias, round % 2 == 0}, {&mask, round % 5 != 0}};
      const Attention op{0.3f, round % 3};
      SCOPED_TRACE("round " + std::to_string(round));
      ExpectKernelMatches(op, std::span(inputs, 3 + static_cast<size_t>(op.biases)), sliced(queries, columns, kGuards),
                          sliced(queries, columns, kGuards), 5e-6);
      if (HasFailure()) return;
    }
  });
}

TEST(WindowReference, RollsPadsAndCuts) {
  const TestTensor x = TestTensor::Of({1, 3, 3, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  const TestInput inputs[] = {{&x}};
  EXPECT_EQ(RunReferenceOf(WindowPartition{2, 2, 1, 1}, inputs).Values(),
            (std::vector<float>{5, 6, 8, 9, 0, 4, 0, 7, 0, 0, 2, 3, 0, 0, 0, 1}));
}

TEST(WindowShape, RefusesWhatDoesNotFit) {
  const TestTensor x = TestTensor::Dense({1, 3, 3, 0}), windows = TestTensor::Dense({6, 4, 1});
  const TestInput map[] = {{&x}}, cut[] = {{&windows}};
  EXPECT_EQ(InferOne(WindowPartition{0, 1}, map).error().code, ErrorCode::kShapeMismatch);
  EXPECT_EQ(InferOne(WindowPartition{int64_t{1} << 62, 1}, map).error().code, ErrorCode::kShapeMismatch);
  EXPECT_EQ(InferOne(WindowPartition{1 << 20, 1 << 20}, map).error().code, ErrorCode::kLimitExceeded);
  EXPECT_EQ(InferOne(WindowMerge{2, 2, 0, 0, 3, 3}, cut).error().code, ErrorCode::kShapeMismatch);
  EXPECT_EQ(*InferOne(WindowMerge{2, 2, 0, 0, 3, 2}, cut)->shape, (Shape{3, 3, 2, 1}));
}

TEST(WindowKernel, MatchesTheReferenceAndMergesBack) {
  std::mt19937 random(testing::TestSeed(2));
  for (int round = 0; round < 60; ++round) {
    const Shape shape{Between(random, 1, 3), Between(random, 1, 20), Between(random, 1, 20), Between(random, 1, 9)};
    const WindowPartition cut{Between(random, 1, 7), Between(random, 1, 7), Between(random, 0, 9),
                              Between(random, 0, 9)};
    const int64_t pixel = shape[3] + round % 3;  // dense, or a slice of something wider
    TestTensor x(DType::kFloat32, shape, {shape[1] * shape[2] * pixel, shape[2] * pixel, pixel, 1});
    x.FillRandom(random);
    const TestInput map[] = {{&x}};
    const TestTensor expected = RunReferenceOf(cut, map);
    const auto windows = [&] {
      const Shape& s = expected.shape();
      return TestTensor(DType::kFloat32, s, {s[1] * pixel, pixel, 1}, kGuards);
    };
    SCOPED_TRACE(shape.ToString() + " round " + std::to_string(round));
    ExpectKernelMatches(cut, map, windows(), windows(), 0);
    const WindowMerge merge{cut.window_h, cut.window_w, cut.shift_y, cut.shift_x, shape[1], shape[2]};
    const TestInput pieces[] = {{&expected}};
    const auto back = [&] { return TestTensor(DType::kFloat32, shape, x.view().strides, kGuards); };
    ExpectKernelMatches(merge, pieces, back(), back(), 0);
    EXPECT_EQ(RunReferenceOf(merge, pieces).Values(), x.Values());
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace decal
