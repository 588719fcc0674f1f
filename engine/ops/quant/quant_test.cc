// Quantisation: rounding, saturation, scales and exact sums by hand, then kernels against the reference.
// SPDX-License-Identifier: MIT
#include "engine/ops/quant/quant.h"

#include "engine/ops/pointwise_test.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

TEST(QuantizeReference, RoundsHalfToEvenAndSaturates) {
  const TestTensor x = TestTensor::Of({6}, {1, 3, -1, -300, 300, 5}), scale = TestTensor::Of({}, {2});
  const TestTensor zero = TensorOf<int8_t>({}, {1});
  const TestInput inputs[] = {{&x}, {&scale, true}, {&zero, true}};
  EXPECT_EQ(ValuesOf<int8_t>(RunReferenceOf(Quantize{}, inputs)), (std::vector<int8_t>{1, 3, 1, -128, 127, 3}));
}

TEST(QuantizeReference, CodesOfLessThanAByteSaturate) {
  const TestTensor x = TestTensor::Of({3}, {-20, 3, 20}), scale = TestTensor::Of({}, {1});
  const TestInput inputs[] = {{&x}, {&scale, true}, {}};
  EXPECT_EQ(ValuesOf<int8_t>(RunReferenceOf(Quantize{.to = DType::kInt4}, inputs)), (std::vector<int8_t>{-8, 3, 7}));
}

TEST(QuantizeReference, ScalesGoAlongAnAxisOrInBlocks) {
  const TestTensor x = TestTensor::Of({2, 3}, {4, 4, 4, 4, 4, 4});
  const TestTensor rows = TestTensor::Of({2}, {1, 2}), blocks = TestTensor::Of({2, 2}, {1, 2, 4, 0.5f});
  const TestInput by_row[] = {{&x}, {&rows, true}, {}}, by_block[] = {{&x}, {&blocks, true}, {}};
  EXPECT_EQ(ValuesOf<uint8_t>(RunReferenceOf(Quantize{.axis = 0}, by_row)), (std::vector<uint8_t>{4, 4, 4, 2, 2, 2}));
  EXPECT_EQ(ValuesOf<uint8_t>(RunReferenceOf(Quantize{.axis = 1, .block_size = 2}, by_block)),
            (std::vector<uint8_t>{4, 4, 2, 1, 1, 8}));
  EXPECT_FALSE(InferOne(Quantize{.axis = 1}, by_row));
  EXPECT_FALSE(InferOne(Quantize{.axis = 1, .block_size = 1}, by_block));
  EXPECT_FALSE(InferOne(Quantize{.axis = 1, .block_size = -1}, by_block));
  EXPECT_FALSE(InferOne(Quantize{.axis = 2, .block_size = 2}, by_block));
}

TEST(DequantizeReference, SubtractsTheZeroPointOfItsAxis) {
  const TestTensor x = TensorOf<uint8_t>({2, 2}, {0, 10, 20, 255}), scale = TestTensor::Of({2}, {0.5f, 2});
  const TestTensor zero = TensorOf<uint8_t>({2}, {10, 20});
  const TestInput inputs[] = {{&x}, {&scale, true}, {&zero, true}};
  EXPECT_EQ(RunReferenceOf(Dequantize{.axis = -1}, inputs).Values(), (std::vector<float>{-5, -20, 5, 470}));
  const TestInput wrong[] = {{&x}, {&scale, true}, {&scale, true}};
  EXPECT_EQ(InferOne(Dequantize{}, wrong).error().code, ErrorCode::kShapeMismatch);
}

// Dense bytes take a path of their own; the same codes in another memory order do not.
TEST(DequantizeReference, IsTheSameForEveryMemoryOrder) {
  std::mt19937 random(testing::TestSeed(5));
  for (int round = 0; round < 60; ++round) {
    const auto size = [&](int64_t most) { return 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(most)); };
    const int64_t axis = static_cast<int64_t>(random() % 4), block = round % 3 == 2 ? size(4) : 0;
    Shape shape{size(6), size(6), size(6), size(6)}, scales{1};
    if (round % 3 == 1) scales = {shape[static_cast<size_t>(axis)]};
    if (block > 0) {
      scales = shape;
      scales[static_cast<size_t>(axis)] = (shape[static_cast<size_t>(axis)] + block - 1) / block;
    }
    TestTensor dense = TestTensor::Dense(shape, Layout::kRowMajor, DType::kInt8);
    TestTensor other = TestTensor::Dense(shape, Layout::kChannelsLast, DType::kInt8);
    for (StridedIndex<2> i(shape, {dense.view().strides, other.view().strides}); i.valid(); i.Next()) {
      dense.mutable_view().as<int8_t>()[i.offset(0)] = other.mutable_view().as<int8_t>()[i.offset(1)] =
          static_cast<int8_t>(random());
    }
    TestTensor scale = TestTensor::Dense(scales), zero = TestTensor::Dense(scales, Layout::kRowMajor, DType::kInt8);
    scale.FillRandom(random, 0.001f, 2);
    for (int64_t i = 0; i < scales.elements(); ++i) zero.mutable_view().as<int8_t>()[i] = static_cast<int8_t>(random());
    const TestInput one[] = {{&dense}, {&scale, true}, {&zero, true}},
                    two[] = {{&other}, {&scale, true}, {&zero, true}};
    const Dequantize op{.axis = axis, .block_size = block};
    EXPECT_EQ(RunReferenceOf(op, one).Values(), RunReferenceOf(op, two).Values()) << round;
  }
}

TEST(MatMulIntegerReference, SumsExactlyBeyondFloat32) {
  const TestTensor a = TensorOf<uint8_t>({1, 3}, {255, 1, 3});
  const TestTensor b = TensorOf<int8_t>({3, 1}, {-128, 1, 7});
  const TestTensor a_zero = TensorOf<uint8_t>({}, {1}), b_zero = TensorOf<int8_t>({1}, {-8});
  const TestInput inputs[] = {{&a}, {&b, true}, {&a_zero}, {&b_zero, true}};
  EXPECT_EQ(ValuesOf<int32_t>(RunReferenceOf(MatMulInteger{}, inputs)), (std::vector<int32_t>{254 * -120 + 2 * 15}));

  constexpr int64_t kDepth = 600;  // the sum is beyond 2^24 and odd in its last bits: no float32
  TestTensor long_a = TestTensor::Dense({1, kDepth}, Layout::kRowMajor, DType::kUint8);
  TestTensor long_b = TestTensor::Dense({kDepth, 1}, Layout::kRowMajor, DType::kUint8);
  for (int64_t i = 0; i < kDepth; ++i)
    long_a.mutable_view().as<uint8_t>()[i] = long_b.mutable_view().as<uint8_t>()[i] = i == 0 ? 254 : 255;
  const TestInput long_inputs[] = {{&long_a}, {&long_b, true}, {}, {}};
  EXPECT_EQ(ValuesOf<int32_t>(RunReferenceOf(MatMulInteger{}, long_inputs)),
            (std::vector<int32_t>{599 * 255 * 255 + 254 * 254}));
}

TEST(ConvIntegerReference, PaddingStandsForTheZeroPoint) {
  const TestTensor x = TensorOf<uint8_t>({1, 1, 1, 2}, {5, 9}), w = TensorOf<uint8_t>({2, 1, 1, 2}, {1, 2, 3, 4});
  const TestTensor x_zero = TensorOf<uint8_t>({}, {5}), w_zero = TensorOf<uint8_t>({2}, {1, 3});
  const TestInput inputs[] = {{&x}, {&w, true}, {&x_zero}, {&w_zero, true}};
  const ConvInteger op{.window = {.pads_begin = {0, 1}, .pads_end = {0, 0}}};
  EXPECT_EQ(ValuesOf<int32_t>(RunReferenceOf(op, inputs)), (std::vector<int32_t>{0, 4, 0, 4}));
}

TEST(QuantKernel, GridMatchesTheReferenceBitForBit) {
  ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(1));
    for (int round = 0; round < 40; ++round) {
      const Shape shape{Between(random, 1, 3), Between(random, 1, 20), Between(random, 1, 20), Between(random, 1, 9)};
      TestTensor x = RandomLayout(random, shape, 0);
      x.FillRandom(random, -40, 40);
      const TestInput inputs[] = {{&x}};
      const auto out = [&] { return TestTensor(DType::kFloat32, shape, x.view().strides, kGuards); };
      ExpectKernelMatches(RoundToGrid{.scale = round % 2 ? 0.25f : 0.1f, .low = -128, .high = 100}, inputs, out(),
                          out(), 0);
      if (HasFailure()) return;
    }
  });
}

TEST(QuantKernel, CodesMatchTheReferenceBothWays) {
  ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(2));
    const Shape shape{1, 7, 5, 9};
    TestTensor x = TestTensor::Dense(shape, Layout::kChannelsLast);
    x.FillRandom(random, -40, 40);
    const TestTensor scale = TestTensor::Of({1}, {0.25f}), zero = TensorOf<uint8_t>({}, {30});
    const TestInput inputs[] = {{&x}, {&scale, true}, {&zero, true}};
    const TestTensor expected = RunReferenceOf(Quantize{}, inputs);
    TestTensor codes = TestTensor::Dense(shape, Layout::kChannelsLast, DType::kUint8);
    TestTensor* outputs[] = {&codes};
    ASSERT_TRUE(RunKernel(Quantize{}, inputs, outputs, 2));
    EXPECT_EQ(ValuesOf<uint8_t>(codes), ValuesOf<uint8_t>(expected));
    const TestInput back[] = {{&codes}, {&scale, true}, {&zero, true}};
    const auto out = [&] { return TestTensor(DType::kFloat32, shape, x.view().strides, kGuards); };
    ExpectKernelMatches(Dequantize{}, back, out(), out(), 0);
  });
}

TEST(QuantKernel, ScalesAlongAnAxisAreLeftToTheReference) {
  TestTensor x = TestTensor::Dense({2, 4}), codes = TestTensor::Dense({2, 4}, Layout::kRowMajor, DType::kUint8);
  const TestTensor scales = TestTensor::Of({2}, {1, 2});
  const TestInput inputs[] = {{&x}, {&scales, true}, {}};
  TestTensor* outputs[] = {&codes};
  EXPECT_FALSE(RunKernel(Quantize{.axis = 0}, inputs, outputs, 1));
}

}  // namespace
}  // namespace decal
