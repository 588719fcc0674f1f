// DeformConv: its definition by hand and against Conv, then the kernel against the reference on random cases.
// SPDX-License-Identifier: MIT
#include "engine/ops/deform_conv/deform_conv.h"

#include <limits>

#include "engine/ops/conv/conv.h"
#include "tests/support/kernel_test.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using testing::Pick;
using testing::TestInput;
using testing::TestTensor;

std::vector<float> RunReferenceOf(const DeformConv& op, std::span<const TestInput> inputs) {
  auto type = testing::InferOne(op, inputs);
  EXPECT_TRUE(type.has_value()) << type.error().ToString();
  if (!type) return {};
  TestTensor y = TestTensor::Dense(*type->shape);
  const MutableTensorView out = y.mutable_view();
  EXPECT_TRUE(Reference(op, testing::Views(inputs), {&out, 1}).has_value());
  return y.Values();
}

// One tap of weight 1 moved by (dy, dx) over [[1, 2], [3, 4]], at the first pixel of the output.
float SampleAt(float dy, float dx, float mask_value = 1) {
  const TestTensor x = TestTensor::Of({1, 1, 2, 2}, {1, 2, 3, 4}), w = TestTensor::Of({1, 1, 1, 1}, {1});
  const TestTensor offset = TestTensor::Of({1, 2, 2, 2}, {dy, 0, 0, 0, dx, 0, 0, 0});
  const TestTensor mask = TestTensor::Of({1, 1, 2, 2}, {mask_value, 1, 1, 1});
  const TestInput inputs[] = {{&x}, {&w}, {&offset}, {}, {&mask}};
  return RunReferenceOf(DeformConv{}, inputs)[0];
}

TEST(DeformConvReference, SamplesBilinearlyWithZerosOutside) {
  EXPECT_EQ(SampleAt(0, 0), 1);
  EXPECT_EQ(SampleAt(1, 0), 3);
  EXPECT_EQ(SampleAt(0, 1), 2);
  EXPECT_EQ(SampleAt(0.5f, 0.5f), 2.5f);
  EXPECT_EQ(SampleAt(0.25f, 0), 1.5f);
  EXPECT_EQ(SampleAt(-0.5f, 0), 0.5f);    // half of row -1, which is zero
  EXPECT_EQ(SampleAt(1.75f, 1), 1.0f);    // a quarter of the last row
  EXPECT_EQ(SampleAt(-1, 0), 0);
  EXPECT_EQ(SampleAt(2, 1), 0);
  EXPECT_EQ(SampleAt(0, 1e30f), 0);
  EXPECT_EQ(SampleAt(std::numeric_limits<float>::quiet_NaN(), 0), 0);
  EXPECT_EQ(SampleAt(1, 1, 0.25f), 1);
}

TEST(DeformConvReference, WithoutOffsetsIsAConvolution) {
  std::mt19937 random(testing::TestSeed(5));
  const Window window{.strides = {2, 1}, .dilations = {1, 2}, .pads_begin = {1, 0}, .pads_end = {2, 3}};
  TestTensor x = TestTensor::Dense({2, 6, 7, 8}), w = TestTensor::Dense({4, 3, 3, 2});
  x.FillRandom(random);
  w.FillRandom(random);
  const TestInput plain[] = {{&x}, {&w}};
  const Conv conv{.window = window, .group = 2};
  TestTensor expected = TestTensor::Dense(*testing::InferOne(conv, plain)->shape);
  const MutableTensorView out = expected.mutable_view();
  ASSERT_TRUE(Reference(conv, testing::Views(plain), {&out, 1}).has_value());
  TestTensor offset = TestTensor::Dense({2, 36, expected.shape()[2], expected.shape()[3]});
  offset.FillRandom(random, 0, 0);
  const TestInput inputs[] = {{&x}, {&w}, {&offset}, {}, {}};
  EXPECT_EQ(RunReferenceOf(DeformConv{.window = window, .group = 2, .offset_group = 3}, inputs), expected.Values());
}

TEST(DeformConvShape, Errors) {
  const TestTensor x = TestTensor::Dense({1, 4, 5, 5}), w = TestTensor::Dense({8, 4, 3, 3});
  const TestTensor offset = TestTensor::Dense({1, 36, 3, 3}), mask = TestTensor::Dense({1, 18, 3, 3});
  const auto code = [&](const DeformConv& op, const TestTensor& o, const TestTensor& m) {
    const TestInput inputs[] = {{&x}, {&w}, {&o}, {}, {&m}};
    auto type = testing::InferOne(op, inputs);
    return type ? ErrorCode{} : type.error().code;
  };
  const TestInput good[] = {{&x}, {&w}, {&offset}, {}, {&mask}};
  EXPECT_TRUE(testing::InferOne(DeformConv{.offset_group = 2}, good).has_value());
  EXPECT_EQ(code({.offset_group = 1}, offset, mask), ErrorCode::kShapeMismatch);
  EXPECT_EQ(code({.offset_group = 3}, offset, mask), ErrorCode::kShapeMismatch);
  EXPECT_EQ(code({.offset_group = 0}, offset, mask), ErrorCode::kShapeMismatch);
  EXPECT_EQ(code({.offset_group = std::numeric_limits<int64_t>::max()}, offset, mask), ErrorCode::kShapeMismatch);
  EXPECT_EQ(code({.offset_group = 2}, mask, mask), ErrorCode::kShapeMismatch);
  EXPECT_EQ(code({.offset_group = 2}, offset, offset), ErrorCode::kShapeMismatch);
  const TestInput missing[] = {{&x}, {&w}};
  EXPECT_EQ(testing::InferOne(DeformConv{}, missing).error().code, ErrorCode::kShapeMismatch);
}

// Rounding of sums in float against the reference's in double; a thousand terms of size 1 stay below it.
constexpr double kTolerance = 2e-5;

// 1 and 3 threads into guarded concat slices, against the reference.
void CheckCase(const DeformConv& op, const Shape& x_shape, const Shape& w_shape, bool masked, std::mt19937& random,
               double tolerance = kTolerance) {
  SCOPED_TRACE("x " + x_shape.ToString() + " w " + w_shape.ToString() + " groups " + std::to_string(op.group) + ", " +
               std::to_string(op.offset_group));
  const InferInput convolved[] = {{true, DType::kFloat32, x_shape, nullptr}, {true, DType::kFloat32, w_shape, nullptr}};
  auto types = Infer(Conv{op.window, op.group}, InferContext{convolved, 1});
  if (!types) return;  // a kernel larger than its padded input
  const Shape out = *(*types)[0].shape;
  const auto slack = [&] { return Pick(random, 0, 1) * Pick(random, 1, 9); };
  const int64_t pairs = op.offset_group * w_shape[2] * w_shape[3];
  const Layout layout = Pick(random, 0, 1) ? Layout::kChannelsLast : Layout::kRowMajor;
  TestTensor x = TestTensor::ConcatSlice(x_shape, x_shape[1] + slack()), w = TestTensor::Dense(w_shape);
  TestTensor offset = TestTensor::Dense({out[0], 2 * pairs, out[2], out[3]}, layout);
  TestTensor mask = TestTensor::Dense({out[0], pairs, out[2], out[3]}, layout);
  TestTensor bias = TestTensor::Dense({out[1]}), slope = TestTensor::Dense({out[1]});
  TestTensor residual = TestTensor::ConcatSlice(out, out[1] + slack());
  for (TestTensor* t : {&x, &w, &mask, &bias, &slope, &residual}) t->FillRandom(random);
  offset.FillRandom(random, -4, 4);
  if (offset.shape().elements() > 0 && Pick(random, 0, 3) == 0) {
    const float odd[] = {1e30f, -INFINITY, NAN, -1, 0};
    offset.mutable_view().as<float>()[0] = odd[Pick(random, 0, 4)];
  }
  std::vector<TestInput> inputs = {{&x}, {&w, true}, {&offset}, {}, {}};
  if (Pick(random, 0, 1)) inputs[kDeformBias] = {&bias, true};
  if (masked) inputs[kDeformMask] = {&mask};
  if (op.epilogue.prelu_slope) inputs.push_back({&slope, true});
  if (op.epilogue.residual != Epilogue::Residual::kNone) inputs.push_back({&residual});
  auto type = testing::InferOne(op, inputs);
  ASSERT_TRUE(type.has_value()) << type.error().ToString();
  ASSERT_EQ(*type->shape, out);

  TestTensor expected = TestTensor::Dense(out, Layout::kChannelsLast);
  const MutableTensorView expected_view = expected.mutable_view();
  ASSERT_TRUE(Reference(op, testing::Views(inputs), {&expected_view, 1}).has_value());
  const int64_t pixel_stride = out[1] + slack();
  TestTensor serial = TestTensor::ConcatSlice(out, pixel_stride, 16);
  TestTensor threaded = TestTensor::ConcatSlice(out, pixel_stride, 16);
  TestTensor *serial_out = &serial, *threaded_out = &threaded;
  ASSERT_TRUE(testing::RunKernel(op, inputs, {&serial_out, 1}, 1));
  ASSERT_TRUE(testing::RunKernel(op, inputs, {&threaded_out, 1}, 3));
  EXPECT_LT(testing::MaxError(serial, expected), tolerance);
  EXPECT_EQ(serial.Values(), threaded.Values()) << "results depend on the number of threads";
  EXPECT_TRUE(serial.GuardsIntact());
}

TEST(DeformConvKernel, MatchesReferenceOnRandomCases) {
  testing::ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(6));
    for (int i = 0; i < 100 && !::testing::Test::HasFailure(); ++i) {
      DeformConv op;
      for (int d = 0; d < 2; ++d) {
        op.window.strides.push_back(Pick(random, 1, 2));
        op.window.dilations.push_back(Pick(random, 1, 2));
        op.window.pads_begin.push_back(Pick(random, 0, 2));
        op.window.pads_end.push_back(Pick(random, 0, 2));
      }
      op.group = Pick(random, 1, 3);
      op.offset_group = Pick(random, 1, 3);
      if (Pick(random, 0, 2) == 0) op.epilogue.activation = Unary{UnaryKind::kRelu};
      else if (Pick(random, 0, 2) == 0) op.epilogue.prelu_slope = true;
      op.epilogue.residual = static_cast<Epilogue::Residual>(Pick(random, 0, 2));
      const int64_t depth = op.offset_group * Pick(random, 1, 14);  // any group of channels meets any offset group
      const Shape x = {Pick(random, 1, 2), depth * op.group, Pick(random, 1, 9), Pick(random, 1, 9)};
      const Shape w = {Pick(random, 1, 40) * op.group, depth, Pick(random, 1, 4), Pick(random, 1, 4)};
      CheckCase(op, x, w, Pick(random, 0, 1) == 1, random);
    }
  });
}

// As in BiRefNet's ASPP: several blocks of columns and panels.
TEST(DeformConvKernel, LargeCaseMatchesReference) {
  std::mt19937 random(testing::TestSeed(7));
  const Window window{.pads_begin = {3, 3}, .pads_end = {3, 3}};
  CheckCase(DeformConv{.window = window}, {1, 64, 24, 17}, {40, 64, 7, 7}, true, random, 3 * kTolerance);
}

}  // namespace
}  // namespace decal
