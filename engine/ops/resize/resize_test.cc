// Resize: the examples of the ONNX specification by hand, then kernels against the reference.
// SPDX-License-Identifier: MIT
#include "engine/ops/resize/resize.h"

#include "engine/ops/pointwise_test.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

constexpr ResizeCoordinates kCoordinates[] = {ResizeCoordinates::kHalfPixel, ResizeCoordinates::kPytorchHalfPixel,
                                              ResizeCoordinates::kAlignCorners, ResizeCoordinates::kAsymmetric};

TestTensor Counting(const Shape& shape) {  // 1, 2, 3, ...
  TestTensor x = TestTensor::Dense(shape);
  for (int64_t i = 0; i < shape.elements(); ++i) x.mutable_view().as<float>()[i] = static_cast<float>(i + 1);
  return x;
}

TestTensor ByScales(const Resize& op, const Shape& map, float scale) {
  const TestTensor x = Counting({1, 1, map[0], map[1]});
  const TestTensor scales = TestTensor::Of({4}, {1, 1, scale, scale});
  const TestInput inputs[] = {{&x}, {&scales, true}};
  return RunReferenceOf(op, inputs);
}

TestTensor BySizes(const Resize& op, const Shape& map, int64_t height, int64_t width) {
  const TestTensor x = Counting({1, 1, map[0], map[1]});
  const TestTensor sizes = TensorOf<int64_t>({4}, {1, 1, height, width});
  const TestInput inputs[] = {{&x}, {}, {&sizes, true}};
  return RunReferenceOf(op, inputs);
}

void ExpectValues(const TestTensor& actual, std::initializer_list<float> expected) {
  const std::vector<float> values = actual.Values();
  ASSERT_GE(values.size(), expected.size());
  size_t i = 0;
  for (float e : expected) {
    EXPECT_NEAR(values[i], e, 1e-5f) << "at " << i;
    ++i;
  }
}

TEST(ResizeReference, LinearAsInTheSpecification) {
  Resize op{.mode = ResizeMode::kLinear};
  ExpectValues(ByScales(op, {2, 2}, 2),
               {1, 1.25f, 1.75f, 2, 1.5f, 1.75f, 2.25f, 2.5f, 2.5f, 2.75f, 3.25f, 3.5f, 3, 3.25f, 3.75f, 4});
  ExpectValues(ByScales(op, {2, 4}, 0.6f), {2.6666665f, 4.3333331f});
  op.coordinates = ResizeCoordinates::kAlignCorners;
  ExpectValues(ByScales(op, {2, 2}, 2), {1, 1.3333333f, 1.6666667f, 2, 1.6666667f, 2, 2.3333333f, 2.6666667f});
  op.coordinates = ResizeCoordinates::kAsymmetric;
  ExpectValues(ByScales(op, {2, 2}, 2), {1, 1.5f, 2, 2, 2, 2.5f, 3, 3});
  op.coordinates = ResizeCoordinates::kPytorchHalfPixel;
  ExpectValues(BySizes(op, {4, 4}, 3, 1), {1.6666666f, 7, 12.333333f});
}

TEST(ResizeReference, CubicAsInTheSpecification) {
  Resize op{.mode = ResizeMode::kCubic};
  ExpectValues(ByScales(op, {4, 4}, 2),
               {0.47265625f, 0.76953125f, 1.24609375f, 1.875f, 2.28125f, 2.91015625f, 3.38671875f, 3.68359375f});
  op.coordinates = ResizeCoordinates::kAlignCorners;
  ExpectValues(ByScales(op, {4, 4}, 2),
               {1, 1.34110787f, 1.80029155f, 2.32944606f, 2.67055394f, 3.19970845f, 3.65889213f, 4});
  op = {.mode = ResizeMode::kCubic, .cubic_a = -0.5f, .exclude_outside = true};
  ExpectValues(ByScales(op, {4, 4}, 0.8f), {1.36812675f, 2.6695014f, 4.0133367f, 6.57362535f, 7.875f, 9.2188353f});
}

TEST(ResizeReference, NearestAsInTheSpecification) {
  Resize op{.mode = ResizeMode::kNearest};
  ExpectValues(ByScales(op, {2, 4}, 0.6f), {1, 3});
  op = {.coordinates = ResizeCoordinates::kAsymmetric, .nearest = ResizeNearest::kRoundPreferCeil};
  ExpectValues(BySizes(op, {4, 4}, 8, 8), {1, 2, 2, 3, 3, 4, 4, 4});
  op = {.coordinates = ResizeCoordinates::kHalfPixel, .nearest = ResizeNearest::kCeil};
  ExpectValues(BySizes(op, {4, 4}, 8, 8), {1, 2, 2, 3, 3, 4, 4, 4});
  op = {.coordinates = ResizeCoordinates::kAlignCorners, .nearest = ResizeNearest::kFloor};
  ExpectValues(BySizes(op, {4, 4}, 8, 8), {1, 1, 1, 2, 2, 3, 3, 4});
}

TEST(ResizeReference, AxesNameWhatScalesAndSizesSpeakOf) {
  const TestTensor x = Counting({1, 1, 2, 2}), sizes = TensorOf<int64_t>({1}, {4});
  const TestInput inputs[] = {{&x}, {}, {&sizes, true}};
  const TestTensor wide = RunReferenceOf(Resize{.axes = {-1}}, inputs);
  EXPECT_EQ(wide.shape(), (Shape{1, 1, 2, 4}));
  EXPECT_EQ(wide.Values(), (std::vector<float>{1, 1, 2, 2, 3, 3, 4, 4}));
  EXPECT_EQ(InferWithConstants(Resize{.axes = {7}}, inputs).error().code, ErrorCode::kShapeMismatch);
  const TestTensor twice = TensorOf<int64_t>({2}, {4, 4});
  const TestInput same[] = {{&x}, {}, {&twice, true}};
  EXPECT_EQ(InferWithConstants(Resize{.axes = {2, -2}}, same).error().code, ErrorCode::kShapeMismatch);
}

TEST(ResizeShape, SizesMayBeBoundsThatKeepTheAspect) {
  const TestTensor x = Counting({1, 1, 2, 4}), sizes = TensorOf<int64_t>({2}, {6, 8});
  const TestInput inputs[] = {{&x}, {}, {&sizes, true}};
  EXPECT_EQ(*InferWithConstants(Resize{.axes = {2, 3}, .aspect = ResizeAspect::kNotLarger}, inputs)->shape,
            (Shape{1, 1, 4, 8}));
  EXPECT_EQ(*InferWithConstants(Resize{.axes = {2, 3}, .aspect = ResizeAspect::kNotSmaller}, inputs)->shape,
            (Shape{1, 1, 6, 12}));
}

TEST(ResizeReference, AntialiasingSeesEveryPixel) {
  Resize op{.mode = ResizeMode::kLinear, .antialias = true};
  // A triangle of width 4: weights 1/8, 3/8, 3/8, 1/8, and the edge's pixel stands for those beyond it.
  ExpectValues(ByScales(op, {1, 4}, 1), {1, 2, 3, 4});
  const TestTensor x = Counting({1, 1, 1, 4}), sizes = TensorOf<int64_t>({4}, {1, 1, 1, 2});
  const TestInput inputs[] = {{&x}, {}, {&sizes, true}};
  ExpectValues(RunReferenceOf(op, inputs), {(1 + 3 * 1 + 3 * 2 + 3) / 8.f, (2 + 3 * 3 + 3 * 4 + 4) / 8.f});
}

TEST(ResizeReference, CropsAndFillsOutside) {
  Resize op{.mode = ResizeMode::kLinear, .coordinates = ResizeCoordinates::kTfCropAndResize, .extrapolation = -5};
  const TestTensor x = Counting({1, 3}), roi = TestTensor::Of({4}, {0, 0.5f, 1, 1.5f}),
                   sizes = TensorOf<int64_t>({2}, {1, 3});
  const TestInput inputs[] = {{&x}, {}, {&sizes, true}, {&roi, true}};
  // Only input 1 to 3 of the operator are scales, sizes and roi; columns 1, 2 and 3 of which the last is outside.
  ExpectValues(RunReferenceOf(op, inputs), {2, 3, -5});
}

TEST(ResizeReference, NearestMovesAnyElementType) {
  const TestTensor x = TensorOf<int64_t>({1, 1, 2}, {-7, 9});
  const TestTensor sizes = TensorOf<int64_t>({3}, {1, 1, 4});
  const TestInput inputs[] = {{&x}, {}, {&sizes, true}};
  EXPECT_EQ(ValuesOf<int64_t>(RunReferenceOf(Resize{}, inputs)), (std::vector<int64_t>{-7, -7, 9, 9}));
}

TEST(ResizeShape, ScalesFloorInFloatAndBadOnesAreRefused) {
  const TestTensor x = Counting({1, 1, 3});
  const auto infer = [&x](float scale) {
    const TestTensor scales = TestTensor::Of({3}, {1, 1, scale});
    const TestInput inputs[] = {{&x}, {&scales, true}};
    return InferWithConstants(Resize{}, inputs);
  };
  EXPECT_EQ(*infer(1.6666666f)->shape, (Shape{1, 1, 5}));
  EXPECT_EQ(*infer(0.5f)->shape, (Shape{1, 1, 1}));
  for (float bad : {0.0f, -1.0f, 0.1f, NAN, 1e30f})
    EXPECT_EQ(infer(bad).error().code, ErrorCode::kShapeMismatch) << bad;

  const TestTensor sizes = TensorOf<int64_t>({3}, {1, 1, int64_t{1} << 40});
  const TestInput huge[] = {{&x}, {}, {&sizes, true}};
  EXPECT_EQ(InferWithConstants(Resize{}, huge).error().code, ErrorCode::kLimitExceeded);
  const TestInput neither[] = {{&x}};
  EXPECT_EQ(InferWithConstants(Resize{}, neither).error().code, ErrorCode::kShapeMismatch);
  const TestInput unknown[] = {{&x}, {}, {&sizes}};
  EXPECT_EQ(InferWithConstants(Resize{}, unknown).error().code, ErrorCode::kUnsupportedOperator);
}

Resize RandomResize(std::mt19937& random) {
  Resize op{.mode = Between(random, 0, 2) ? ResizeMode::kLinear : ResizeMode::kNearest};
  op.coordinates = kCoordinates[Between(random, 0, 3)];
  op.nearest = static_cast<ResizeNearest>(Between(random, 0, 3));
  return op;
}

TEST(ResizeKernel, MatchesTheReferenceBySizes) {
  ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(1));
    for (int round = 0; round < 120; ++round) {
      const Shape shape{Between(random, 1, 2), Between(random, 1, 1 + round % 40), Between(random, 1, 24),
                        Between(random, 1, 24)};
      Shape out_shape{shape[0], shape[1], Between(random, 1, 40), Between(random, 1, 40)};
      if (round % 20 == 0) out_shape[2] = out_shape[3] = 200;  // several tasks
      TestTensor x = RandomMap(random, shape);
      x.FillRandom(random);
      const TestTensor sizes = TensorOf<int64_t>({4}, {out_shape[0], out_shape[1], out_shape[2], out_shape[3]});
      const TestInput inputs[] = {{&x}, {}, {&sizes, true}};
      const int64_t pixel_stride = shape[1] + (round % 2 ? Between(random, 1, 6) : 0);
      const auto out = [&] { return TestTensor::ConcatSlice(out_shape, pixel_stride, kGuards); };
      SCOPED_TRACE(shape.ToString() + " to " + out_shape.ToString() + " round " + std::to_string(round));
      ExpectKernelMatches(RandomResize(random), inputs, out(), out(), 1e-6);
      if (HasFailure()) return;
    }
  });
}

TEST(ResizeKernel, MatchesTheReferenceByScales) {
  std::mt19937 random(testing::TestSeed(2));
  for (int round = 0; round < 100; ++round) {
    const Shape shape{1, Between(random, 1, 9), Between(random, 2, 20), Between(random, 2, 20)};
    TestTensor x = RandomMap(random, shape);
    x.FillRandom(random);
    std::uniform_real_distribution<float> scale(0.55f, 3.0f);
    const TestTensor scales = TestTensor::Of({4}, {1, 1, scale(random), scale(random)});
    const TestInput inputs[] = {{&x}, {&scales, true}};
    const Resize op = RandomResize(random);
    const Shape out_shape = *InferWithConstants(op, inputs)->shape;
    const auto out = [&] { return TestTensor::ConcatSlice(out_shape, shape[1] + 1, kGuards); };
    SCOPED_TRACE(shape.ToString() + " to " + out_shape.ToString());
    ExpectKernelMatches(op, inputs, out(), out(), 1e-6);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace decal
