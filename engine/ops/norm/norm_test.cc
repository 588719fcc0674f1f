// Normalisations: small cases by hand, then kernels against the reference.
// SPDX-License-Identifier: MIT
#include "engine/ops/norm/norm.h"

#include "engine/ops/pointwise_test.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

TestTensor RandomVector(std::mt19937& random, int64_t n, float low, float high) {
  TestTensor vector = TestTensor::Dense({n});
  vector.FillRandom(random, low, high);
  return vector;
}

TEST(NormReference, BatchNormByHand) {
  const TestTensor x = TestTensor::Of({1, 2, 1}, {3, 5}), scale = TestTensor::Of({2}, {2, 1});
  const TestTensor bias = TestTensor::Of({2}, {1, 0}), mean = TestTensor::Of({2}, {1, 5}),
                   var = TestTensor::Of({2}, {4, 1});
  const TestInput inputs[] = {{&x}, {&scale}, {&bias}, {&mean}, {&var}};
  EXPECT_EQ(RunReferenceOf(BatchNorm{0}, inputs).Values(), (std::vector<float>{3, 0}));
}

TEST(NormReference, InstanceAndLayerNormByHand) {
  const TestTensor x = TestTensor::Of({1, 2, 2}, {1, 3, 10, 20});
  const TestTensor scale = TestTensor::Of({2}, {1, 2}), bias = TestTensor::Of({2}, {0, 5});
  const TestInput inputs[] = {{&x}, {&scale}, {&bias}};
  EXPECT_EQ(RunReferenceOf(InstanceNorm{0}, inputs).Values(), (std::vector<float>{-1, 1, 3, 7}));
  EXPECT_EQ(RunReferenceOf(LayerNorm{-1, 0}, inputs).Values(), (std::vector<float>{-1, 7, -1, 7}));
}

TEST(NormReference, InstanceNormOfSomeChannelsWithinLimits) {
  const TestTensor x = TestTensor::Of({1, 3, 2}, {1, 3, 10, 20, 1, 3});
  const TestTensor scale = TestTensor::Of({3}, {2, 2, 1}), bias = TestTensor::Of({3}, {0, 5, 0});
  const TestInput inputs[] = {{&x}, {&scale}, {&bias}};
  const InstanceNorm op{.epsilon = 0, .first = 1, .end = 2, .low = 2, .high = 6.5f};
  EXPECT_EQ(RunReferenceOf(op, inputs).Values(), (std::vector<float>{2, 6, 3, 6.5f, 2, 3}));
}

TEST(NormReference, SoftmaxOverAnAxisOrFlattened) {
  const TestTensor x = TestTensor::Of({2, 2}, {0, 0, 0, std::log(3.0f)});
  const TestInput inputs[] = {{&x}};
  const auto near = [](const TestTensor& actual, const std::vector<float>& expected) {
    const std::vector<float> values = actual.Values();
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(values[i], expected[i], 1e-6f);
  };
  near(RunReferenceOf(Softmax{-1}, inputs), {0.5f, 0.5f, 0.25f, 0.75f});
  near(RunReferenceOf(Softmax{0}, inputs), {0.5f, 0.25f, 0.5f, 0.75f});
  near(RunReferenceOf(Softmax{.axis = 0, .flatten = true}, inputs), {1 / 6.f, 1 / 6.f, 1 / 6.f, 0.5f});
  near(RunReferenceOf(Softmax{.axis = 1, .log = true}, inputs),
       {-std::log(2.f), -std::log(2.f), -std::log(4.f), std::log(0.75f)});
}

TEST(NormReference, TrainingUsesTheBatchAndUpdatesTheMoments) {
  const TestTensor x = TestTensor::Of({2, 1, 2}, {1, 3, 5, 7}), scale = TestTensor::Of({1}, {1}),
                   bias = TestTensor::Of({1}, {0});
  const TestTensor mean = TestTensor::Of({1}, {10}), var = TestTensor::Of({1}, {20});
  const TestInput inputs[] = {{&x}, {&scale}, {&bias}, {&mean}, {&var}};
  const BatchNorm op{.epsilon = 0, .momentum = 0.5f, .training = true};
  const std::vector<TestTensor> out = RunReferenceOutputs(op, inputs, 3);
  const float deviation = std::sqrt(5.0f);
  const std::vector<float> values = out[0].Values();
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(values[i], (static_cast<float>(2 * i) - 3) / deviation, 1e-6f);
  EXPECT_EQ(out[1].Values(), (std::vector<float>{7}));     // half of 10 and of 4
  EXPECT_EQ(out[2].Values(), (std::vector<float>{12.5f}));  // half of 20 and of 5
}

TEST(NormReference, LayerNormTellsItsMoments) {
  const TestTensor x = TestTensor::Of({2, 2}, {1, 3, 10, 20}), scale = TestTensor::Of({2}, {1, 1});
  const TestInput inputs[] = {{&x}, {&scale}};
  const std::vector<TestTensor> out = RunReferenceOutputs(LayerNorm{-1, 0}, inputs, 3);
  EXPECT_EQ(out[1].shape(), (Shape{2, 1}));
  EXPECT_EQ(out[1].Values(), (std::vector<float>{2, 15}));
  EXPECT_EQ(out[2].Values(), (std::vector<float>{1, 0.2f}));
}

TEST(NormShape, RefusesParametersOfTheWrongShape) {
  const TestTensor x = TestTensor::Of({1, 2, 2}, {1, 3, 10, 20}), three = TestTensor::Of({3}, {1, 2, 3});
  const TestInput inputs[] = {{&x}, {&three}, {&three}};
  EXPECT_EQ(InferOne(InstanceNorm{}, inputs).error().code, ErrorCode::kShapeMismatch);
  const TestTensor two = TestTensor::Of({2}, {1, 2});
  const TestInput no_channel[] = {{&x}, {&two}, {&two}};
  EXPECT_EQ(InferOne(InstanceNorm{.first = 2}, no_channel).error().code, ErrorCode::kShapeMismatch);
  EXPECT_EQ(InferOne(LayerNorm{}, inputs).error().code, ErrorCode::kShapeMismatch);
  EXPECT_EQ(InferOne(BatchNorm{}, inputs).error().code, ErrorCode::kShapeMismatch);
  EXPECT_EQ(InferOne(Softmax{3}, inputs).error().code, ErrorCode::kShapeMismatch);
}

TEST(NormKernel, PerChannelNormsMatchTheReference) {
  ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(1));
    for (int round = 0; round < 80; ++round) {
      Shape shape{Between(random, 1, 2), Between(random, 1, 70), Between(random, 1, 20), Between(random, 1, 20)};
      if (round % 10 == 0) shape = {1, Between(random, 1, 5), 100, 200};
      TestTensor x = RandomMap(random, shape);
      x.FillRandom(random, 4, 6);  // far from zero: one-pass variance would lose it
      const TestTensor scale = RandomVector(random, shape[1], -1, 1), bias = RandomVector(random, shape[1], -1, 1);
      const TestTensor mean = RandomVector(random, shape[1], 4, 6), var = RandomVector(random, shape[1], 0.5f, 2);
      const int64_t pixel_stride = shape[1] + Between(random, 0, 5);
      const auto out = [&] { return TestTensor::ConcatSlice(shape, pixel_stride, kGuards); };
      SCOPED_TRACE(shape.ToString());
      const TestInput batch[] = {{&x}, {&scale, true}, {&bias, true}, {&mean, true}, {&var, true}};
      ExpectKernelMatches(BatchNorm{1e-5f}, batch, out(), out(), 2e-6);
      const TestInput instance[] = {{&x}, {&scale, true}, {&bias, true}};
      ExpectKernelMatches(InstanceNorm{1e-3f}, instance, out(), out(), 1e-5);
      InstanceNorm part{1e-3f, Between(random, 0, shape[1] - 1)};
      part.end = Between(random, part.first + 1, shape[1] + 1);
      part.low = -0.5f;
      if (round % 2 == 0) part.high = 1;
      ExpectKernelMatches(part, instance, out(), out(), 1e-5);
      if (HasFailure()) return;
    }
  });
}

TEST(NormKernel, PerChannelNormsWorkInPlace) {
  std::mt19937 random(testing::TestSeed(2));
  TestTensor x = TestTensor::ConcatSlice({2, 19, 30, 40}, 24, kGuards);
  x.FillRandom(random);
  const TestTensor scale = RandomVector(random, 19, -1, 1), bias = RandomVector(random, 19, -1, 1);
  const TestInput inputs[] = {{&x}, {&scale, true}, {&bias, true}};
  const TestTensor expected = RunReferenceOf(InstanceNorm{}, inputs);
  TestTensor* outputs[] = {&x};
  ASSERT_TRUE(RunKernel(InstanceNorm{}, inputs, outputs, 3));
  EXPECT_LE(MaxError(x, expected), 1e-5);
  EXPECT_TRUE(x.GuardsIntact());
}

TEST(NormKernel, LayerNormMatchesTheReference) {
  ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(3));
    for (int round = 0; round < 60; ++round) {
      const Shape shape{Between(random, 1, 3), Between(random, 1, 30), Between(random, 1, 300)};
      const int64_t axis = Between(random, 1, 2);
      TestTensor x = TestTensor::Dense(shape);
      x.FillRandom(random, 4, 6);
      Shape parameter{shape[2]};
      if (axis == 1) parameter.insert(0, shape[1]);
      TestTensor scale = TestTensor::Dense(parameter), bias = TestTensor::Dense(parameter);
      scale.FillRandom(random);
      bias.FillRandom(random);
      const auto out = [&] {
        return TestTensor(DType::kFloat32, shape, DenseStrides(shape, Layout::kRowMajor), kGuards);
      };
      SCOPED_TRACE(shape.ToString() + " axis " + std::to_string(axis));
      const TestInput inputs[] = {{&x}, {&scale, true}, round % 3 ? TestInput{&bias, true} : TestInput{}};
      ExpectKernelMatches(LayerNorm{axis, 1e-3f}, inputs, out(), out(), 1e-5);
      if (HasFailure()) return;
    }
  });
}

TEST(NormKernel, SoftmaxMatchesTheReferenceOnAnyStrides) {
  ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(4));
    for (int round = 0; round < 160; ++round) {
      Shape shape;
      for (int64_t rank = Between(random, 1, 4); rank > 0; --rank) shape.push_back(Between(random, 1, 23));
      if (round % 16 == 0) shape = {1, 2, 110, 120};  // foreground against background
      TestTensor x = RandomLayout(random, shape, 0);
      x.FillRandom(random, -20, 20);
      const TestTensor like = RandomLayout(random, shape, kGuards);
      const auto out = [&] { return TestTensor(DType::kFloat32, shape, like.view().strides, kGuards); };
      const int64_t rank = static_cast<int64_t>(shape.rank());
      const Softmax op{.axis = Between(random, -rank, rank - 1), .log = round % 4 == 3};
      const TestInput inputs[] = {{&x}};
      SCOPED_TRACE(shape.ToString() + " axis " + std::to_string(op.axis));
      ExpectKernelMatches(op, inputs, out(), out(), 2e-6);
      if (HasFailure()) return;
    }
  });
}

TEST(NormKernel, SoftmaxFlattensDenseTensorsAndWorksInPlace) {
  std::mt19937 random(testing::TestSeed(5));
  for (bool log : {false, true}) {
    TestTensor x = TestTensor::Dense({3, 4, 5, 6});
    x.FillRandom(random, -5, 5);
    const TestInput inputs[] = {{&x}};
    const Softmax op{.axis = 1, .log = log, .flatten = true};
    const TestTensor expected = RunReferenceOf(op, inputs);
    TestTensor* outputs[] = {&x};
    ASSERT_TRUE(RunKernel(op, inputs, outputs, 2));
    EXPECT_LE(MaxError(x, expected), 2e-6);
  }
}

}  // namespace
}  // namespace decal
