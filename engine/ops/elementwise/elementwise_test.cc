// Elementwise operators: element types, broadcasting, any strides, in place.
// SPDX-License-Identifier: MIT
#include "engine/ops/elementwise/elementwise.h"

#include "engine/ops/pointwise_test.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

template <class T, class Out = T>
std::vector<Out> BinaryOf(BinaryKind kind, std::initializer_list<T> a, std::initializer_list<T> b) {
  const TestTensor x = TensorOf<T>({static_cast<int64_t>(a.size())}, a);
  const TestTensor y = TensorOf<T>({static_cast<int64_t>(b.size())}, b);
  const TestInput inputs[] = {{&x}, {&y}};
  return ValuesOf<Out>(RunReferenceOf(Binary{kind}, inputs));
}

TEST(ElementwiseReference, IntegerDivisionTruncatesAndModTakesTheDivisorsSign) {
  using I = std::vector<int64_t>;
  EXPECT_EQ(BinaryOf<int64_t>(BinaryKind::kDiv, {7, -7, 7, -7}, {2, 2, -2, -2}), (I{3, -3, -3, 3}));
  EXPECT_EQ(BinaryOf<int64_t>(BinaryKind::kMod, {7, -7, 7, -7}, {3, 3, -3, -3}), (I{1, 2, -2, -1}));
  EXPECT_EQ(BinaryOf<int64_t>(BinaryKind::kDiv, {INT64_MIN}, {-1}), (I{INT64_MIN}));
  EXPECT_EQ(BinaryOf<int64_t>(BinaryKind::kMod, {INT64_MIN}, {-1}), (I{0}));
  EXPECT_EQ(BinaryOf<int64_t>(BinaryKind::kPow, {3, -2}, {4, 3}), (I{81, -8}));
}

TEST(ElementwiseReference, SmallIntegersWrap) {
  EXPECT_EQ(BinaryOf<uint8_t>(BinaryKind::kAdd, {250, 3}, {10, 4}), (std::vector<uint8_t>{4, 7}));
  EXPECT_EQ(BinaryOf<int8_t>(BinaryKind::kMul, {100, -3}, {2, 4}), (std::vector<int8_t>{-56, -12}));
  EXPECT_EQ(BinaryOf<int32_t>(BinaryKind::kSub, {INT32_MIN}, {1}), (std::vector<int32_t>{INT32_MAX}));
  EXPECT_EQ(BinaryOf<int32_t>(BinaryKind::kMax, {-5, 9}, {2, 4}), (std::vector<int32_t>{2, 9}));
}

TEST(ElementwiseReference, DivisionByAnIntegerZeroIsAnError) {
  const TestTensor a = TensorOf<int32_t>({1}, {4}), b = TensorOf<int32_t>({1}, {0});
  TestTensor out = TestTensor::Dense({1}, Layout::kRowMajor, DType::kInt32);
  const TensorView in[] = {a.view(), b.view()};
  const MutableTensorView to[] = {out.mutable_view()};
  for (BinaryKind kind : {BinaryKind::kDiv, BinaryKind::kMod}) {
    const Status status = Reference(Binary{kind}, in, to);
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().code, ErrorCode::kCorruptModel);
  }
}

TEST(ElementwiseReference, FloatsCompareAndTakeRemainders) {
  EXPECT_EQ((BinaryOf<float, bool>(BinaryKind::kLess, {1, 2, NAN}, {2, 2, 1})),
            (std::vector<bool>{true, false, false}));
  EXPECT_EQ((BinaryOf<int64_t, bool>(BinaryKind::kGreaterOrEqual, {1, 2}, {2, 2})), (std::vector<bool>{false, true}));
  EXPECT_EQ((BinaryOf<bool, bool>(BinaryKind::kXor, {true, false}, {true, true})), (std::vector<bool>{false, true}));
  EXPECT_EQ(BinaryOf<float>(BinaryKind::kMod, {5.5f, -5.5f}, {2, 2}), (std::vector<float>{1.5f, -1.5f}));
  EXPECT_EQ(BinaryOf<float>(BinaryKind::kPRelu, {-2, 2}, {0.25f, 0.25f}), (std::vector<float>{-0.5f, 2}));
}

TEST(ElementwiseReference, HalvesComputeInFloat) {
  const TestTensor a = TensorOf<Half>({2}, {Half(1.5f), Half(60000.0f)});
  const TestInput inputs[] = {{&a}, {&a}};
  const std::vector<Half> sum = ValuesOf<Half>(RunReferenceOf(Binary{BinaryKind::kAdd}, inputs));
  EXPECT_EQ(float{sum[0]}, 3.0f);
  EXPECT_TRUE(std::isinf(float{sum[1]}));
}

template <class From, class To>
std::vector<To> CastOf(std::initializer_list<From> values) {
  const TestTensor x = TensorOf<From>({static_cast<int64_t>(values.size())}, values);
  const TestInput inputs[] = {{&x}};
  return ValuesOf<To>(RunReferenceOf(Cast{DTypeOf<To>::value}, inputs));
}

TEST(ElementwiseReference, CastsSaturateFloatsAndWrapIntegers) {
  EXPECT_EQ((CastOf<float, int64_t>({1e30f, -1e30f, NAN, -1.9f})), (std::vector<int64_t>{INT64_MAX, INT64_MIN, 0, -1}));
  EXPECT_EQ((CastOf<float, uint8_t>({300, -3, 254.9f})), (std::vector<uint8_t>{255, 0, 254}));
  EXPECT_EQ((CastOf<int64_t, int32_t>({int64_t{1} << 32, -1})), (std::vector<int32_t>{0, -1}));
  EXPECT_EQ((CastOf<float, bool>({0, 0.25f, NAN})), (std::vector<bool>{false, true, true}));
  EXPECT_EQ((CastOf<int64_t, float>({-3, 7})), (std::vector<float>{-3, 7}));
  EXPECT_EQ((CastOf<bool, int64_t>({true, false})), (std::vector<int64_t>{1, 0}));
}

std::vector<double> NarrowCast(DType to, std::initializer_list<float> values, NarrowRule rule = {}) {
  const TestTensor x = TensorOf<float>({static_cast<int64_t>(values.size())}, values);
  const TestInput inputs[] = {{&x}};
  const TestTensor narrow = RunReferenceOf(Cast{to, rule}, inputs);
  std::vector<double> result;
  for (size_t i = 0; i < values.size(); ++i)
    result.push_back(LoadNumber(to, narrow.view().data, static_cast<int64_t>(i)));
  return result;
}

TEST(ElementwiseReference, NarrowFloatsRoundToEvenAndSaturateAsAsked) {
  using D = std::vector<double>;
  EXPECT_EQ(NarrowCast(DType::kFloat8E4M3FN, {1.0625f, 1.1875f, 1000, -0x1p-9f, 0x1p-11f}),
            (D{1, 1.25, 448, -0x1p-9, 0}));
  EXPECT_TRUE(std::isnan(NarrowCast(DType::kFloat8E4M3FN, {1000}, {.saturate = false})[0]));
  EXPECT_EQ(NarrowCast(DType::kFloat8E5M2, {1e6f, -INFINITY}, {.saturate = false}), (D{INFINITY, -INFINITY}));
  EXPECT_EQ(NarrowCast(DType::kFloat8E5M2FNUZ, {1e6f, 3.0e38f}), (D{57344, 57344}));
  EXPECT_TRUE(std::isnan(NarrowCast(DType::kFloat8E4M3FNUZ, {NAN})[0]));
  EXPECT_FALSE(std::signbit(NarrowCast(DType::kFloat8E4M3FNUZ, {-0.0f})[0]));  // its code is the NaN
  EXPECT_EQ(NarrowCast(DType::kFloat4E2M1, {0.25f, 0.75f, 2.5f, -100}), (D{0, 1, 2, -6}));
  EXPECT_EQ(NarrowCast(DType::kFloat8E8M0, {3, 4}), (D{4, 4}));
  EXPECT_EQ(NarrowCast(DType::kFloat8E8M0, {3, 2.5f}, {.exponent = ExponentRounding::kDown}), (D{2, 2}));
  EXPECT_EQ(NarrowCast(DType::kFloat8E8M0, {3, 2.5f}, {.exponent = ExponentRounding::kNearest}), (D{4, 2}));
  EXPECT_EQ(NarrowCast(DType::kBFloat16, {1.00390625f, 1.01171875f}), (D{1, 1.015625}));
}

TEST(ElementwiseReference, IntegersBelowAByteWrapAndOthersSaturate) {
  using D = std::vector<double>;
  EXPECT_EQ(NarrowCast(DType::kInt4, {-9, 8.7f, 7}), (D{7, -8, 7}));
  EXPECT_EQ(NarrowCast(DType::kUint2, {-3, 5}), (D{1, 1}));
  EXPECT_EQ(NarrowCast(DType::kUint16, {-3, 70000, 9.9f}), (D{0, 65535, 9}));
  EXPECT_EQ(NarrowCast(DType::kUint64, {2e19f}), (D{0x1p64}));
}

TEST(ElementwiseReference, FmodTakesTheDividendsSign) {
  EXPECT_EQ(BinaryOf<int64_t>(BinaryKind::kFmod, {7, -7, INT64_MIN}, {-3, 3, -1}), (std::vector<int64_t>{1, -1, 0}));
}

TEST(ElementwiseReference, WhereBroadcastsAllThree) {
  const TestTensor condition = TensorOf<bool>({2, 1}, {true, false});
  const TestTensor a = TensorOf<int64_t>({3}, {1, 2, 3}), b = TensorOf<int64_t>({}, {-1});
  const TestInput inputs[] = {{&condition}, {&a}, {&b}};
  EXPECT_EQ(ValuesOf<int64_t>(RunReferenceOf(Where{}, inputs)), (std::vector<int64_t>{1, 2, 3, -1, -1, -1}));
}

TEST(ElementwiseReference, IntegersClip) {
  const TestTensor x = TensorOf<int64_t>({3}, {-9, 4, 99});
  const TestInput inputs[] = {{&x}};
  EXPECT_EQ(ValuesOf<int64_t>(RunReferenceOf(Unary{UnaryKind::kClip, 0, 6}, inputs)), (std::vector<int64_t>{0, 4, 6}));
}

TEST(ElementwiseShape, RefusesWhatDoesNotFit) {
  const TestTensor f = TensorOf<float>({2, 3}, {1, 2, 3, 4, 5, 6}), g = TensorOf<float>({2}, {1, 2});
  const TestTensor i = TensorOf<int64_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  const TestInput mismatched[] = {{&f}, {&g}};
  EXPECT_EQ(InferOne(Binary{BinaryKind::kAdd}, mismatched).error().code, ErrorCode::kShapeMismatch);
  const TestInput mixed[] = {{&f}, {&i}};
  EXPECT_EQ(InferOne(Binary{BinaryKind::kAdd}, mixed).error().code, ErrorCode::kShapeMismatch);
  EXPECT_EQ(InferOne(Binary{BinaryKind::kAnd}, mixed).has_value(), false);
  const TestInput integer[] = {{&i}};
  EXPECT_EQ(InferOne(Unary{UnaryKind::kExp}, integer).error().code, ErrorCode::kUnsupportedOperator);
  const TestInput too_few[] = {{&f}, {}};
  EXPECT_EQ(InferOne(Binary{BinaryKind::kAdd}, too_few).error().code, ErrorCode::kShapeMismatch);
  const TestInput prelu[] = {{&g}, {&f}};  // the slope may not stretch x
  EXPECT_EQ(InferOne(Binary{BinaryKind::kPRelu}, prelu).has_value(), false);
}

Shape RandomShape(std::mt19937& random) {
  if (Between(random, 0, 9) == 0) return {1, Between(random, 1, 3), 150, 130};  // several tasks, few channels
  Shape shape;
  for (int64_t rank = Between(random, 0, 5); rank > 0; --rank) shape.push_back(Between(random, 1, 19));
  return shape;
}

// Some sizes become 1, and some leading dimensions go.
Shape BroadcastSource(std::mt19937& random, const Shape& shape) {
  Shape source = shape;
  for (int64_t& extent : source)
    if (Between(random, 0, 2) == 0) extent = 1;
  while (!source.empty() && Between(random, 0, 3) == 0) source.erase(0);
  return source;
}

constexpr BinaryKind kArithmetic[] = {BinaryKind::kAdd, BinaryKind::kSub, BinaryKind::kMul, BinaryKind::kDiv,
                                      BinaryKind::kMin, BinaryKind::kMax, BinaryKind::kPow, BinaryKind::kPRelu};

TEST(ElementwiseKernel, BinaryMatchesTheReferenceOnAnyStrides) {
  ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(1));
    for (int round = 0; round < 300; ++round) {
      const BinaryKind kind = kArithmetic[round % std::size(kArithmetic)];
      const Shape shape = RandomShape(random);
      const bool whole_a = kind == BinaryKind::kPRelu || Between(random, 0, 1);
      const Shape a_shape = whole_a ? shape : BroadcastSource(random, shape);
      TestTensor a = RandomLayout(random, a_shape, 0);
      TestTensor b = RandomLayout(random, whole_a ? BroadcastSource(random, shape) : shape, 0);
      a.FillRandom(random, kind == BinaryKind::kPow ? 0.1f : -2.0f, 2.0f);
      b.FillRandom(random, 0.1f, 2.0f);
      const TestTensor out = RandomLayout(random, shape, kGuards);
      const TestInput inputs[] = {{&a}, {&b}};
      SCOPED_TRACE(std::string(Name(kind)) + " " + shape.ToString() + " round " + std::to_string(round));
      const auto copy = [&] { return TestTensor(DType::kFloat32, shape, out.view().strides, kGuards); };
      ExpectKernelMatches(Binary{kind}, inputs, copy(), copy(), 2e-6);
      if (HasFailure()) return;
    }
  });
}

TEST(ElementwiseKernel, UnaryMatchesTheReferenceOnAnyStrides) {
  std::mt19937 random(testing::TestSeed(2));
  for (int round = 0; round < 200; ++round) {
    const Unary op{static_cast<UnaryKind>(round % static_cast<int>(UnaryKind::kNot)), -0.5f, 0.75f};
    const Shape shape = RandomShape(random);
    TestTensor x = RandomLayout(random, shape, 0);
    const bool positive =
        op.kind == UnaryKind::kSqrt || op.kind == UnaryKind::kLog || op.kind == UnaryKind::kReciprocal;
    x.FillRandom(random, positive ? 0.1f : -3.0f, 3.0f);
    const TestTensor out = RandomLayout(random, shape, kGuards);
    const TestInput inputs[] = {{&x}};
    SCOPED_TRACE(std::string(Name(op.kind)) + " " + shape.ToString());
    const auto copy = [&] { return TestTensor(DType::kFloat32, shape, out.view().strides, kGuards); };
    ExpectKernelMatches(op, inputs, copy(), copy(), 2e-6);
    if (HasFailure()) return;
  }
}

TEST(ElementwiseKernel, WorksInPlace) {
  std::mt19937 random(testing::TestSeed(3));
  for (int round = 0; round < 60; ++round) {
    const Shape shape = RandomShape(random);
    TestTensor x = RandomLayout(random, shape, kGuards);
    TestTensor other = RandomLayout(random, BroadcastSource(random, shape), 0);
    x.FillRandom(random);
    other.FillRandom(random);
    const bool second = round % 2 == 1;
    const TestInput inputs[] = {second ? TestInput{&other} : TestInput{&x}, second ? TestInput{&x} : TestInput{&other}};
    const TestTensor expected = RunReferenceOf(Binary{BinaryKind::kSub}, inputs);
    TestTensor* outputs[] = {&x};
    ASSERT_TRUE(RunKernel(Binary{BinaryKind::kSub}, inputs, outputs, 2));
    EXPECT_LE(MaxError(x, expected), 0.0) << shape.ToString();

    const TestInput unary_inputs[] = {{&x}};
    const Unary gelu{UnaryKind::kGelu};
    const TestTensor activated = RunReferenceOf(gelu, unary_inputs);
    ASSERT_TRUE(RunKernel(gelu, unary_inputs, outputs, 2));
    EXPECT_LE(MaxError(x, activated), 2e-6) << shape.ToString();
    EXPECT_TRUE(x.GuardsIntact());
  }
}

TEST(ElementwiseKernel, AConstantSquareIsAProduct) {
  std::mt19937 random(testing::TestSeed(4));
  TestTensor x = TestTensor::Dense({1, 8, 5, 5}, Layout::kChannelsLast);
  x.FillRandom(random, -3, 3);
  const TestTensor two = TestTensor::Of({}, {2});
  const TestInput inputs[] = {{&x}, {&two, /*constant=*/true}};
  const auto out = [] {
    return TestTensor(DType::kFloat32, {1, 8, 5, 5}, DenseStrides({1, 8, 5, 5}, Layout::kRowMajor), kGuards);
  };
  ExpectKernelMatches(Binary{BinaryKind::kPow}, inputs, out(), out(), 1e-7);
}

TEST(ElementwiseKernel, LeavesOtherTypesToTheReference) {
  TestTensor x = TensorOf<int64_t>({2}, {1, 2}), out = TensorOf<int64_t>({2}, {0, 0});
  const TestInput inputs[] = {{&x}, {&x}};
  TestTensor* outputs[] = {&out};
  EXPECT_FALSE(RunKernel(Binary{BinaryKind::kAdd}, inputs, outputs, 1));
  EXPECT_FALSE(RunKernel(Unary{UnaryKind::kNeg}, std::span(inputs, 1), outputs, 1));
}

}  // namespace
}  // namespace decal
