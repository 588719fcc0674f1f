// What becomes of weights: half precision stays half, shared ones are packed once, and raw forms may go.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>

#include "decal/session.h"
#include "engine/base/dtype.h"
#include "tests/support/onnx_builder.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using testing::AsBytes;
using testing::OnnxAttributes;
using testing::OnnxBuilder;

constexpr int kHalfType = 10;  // of ONNX

std::vector<float> RandomValues(size_t count, std::mt19937& random, float bound) {
  std::uniform_real_distribution<float> uniform(-bound, bound);
  std::vector<float> values(count);
  for (float& v : values) v = uniform(random);
  return values;
}

std::vector<float> RunModel(const std::string& model, int64_t h, int64_t w, size_t* weights_bytes = nullptr) {
  auto session = Session::Load(AsBytes(model));
  EXPECT_TRUE(session) << (session ? "" : session.error().ToString());
  if (!session) return {};
  const Status status = session->Specialize(h, w);
  EXPECT_TRUE(status) << (status ? "" : status.error().ToString());
  if (!status) return {};
  if (weights_bytes) *weights_bytes = session->memory().weights_bytes;
  std::mt19937 random(testing::TestSeed(5));
  const auto count = [](const TensorInfo& info) {
    size_t n = 1;
    for (int64_t extent : info.shape) n *= static_cast<size_t>(extent);
    return n;
  };
  const std::vector<float> x = RandomValues(3 * static_cast<size_t>(h * w), random, 1);
  std::vector<float> y(count(session->outputs()[0]));
  EXPECT_TRUE(session->Run(x, y));
  return y;
}

// Every kind of convolution and matrix product that packs weights, each over 64 kB. `half`: stored in float16 and cast where used.
std::string Products(bool half) {
  std::mt19937 random(testing::TestSeed(3));
  OnnxBuilder b;
  const auto weight = [&](const std::string& name, const std::vector<int64_t>& shape) {
    size_t count = 1;
    for (int64_t extent : shape) count *= static_cast<size_t>(extent);
    std::vector<Half> stored;
    for (float v : RandomValues(count, random, 0.1f)) stored.push_back(Half(v));
    if (half) return b.Node("Cast", {b.Tensor(name, shape, kHalfType, stored)}, OnnxAttributes().Int("to", 1));
    return b.Floats(name, shape, std::vector<float>(stored.begin(), stored.end()));
  };
  b.Input("x", {1, 3, -1, -1});
  std::string t = b.Node("Conv", {"x", b.RandomFloats("first", {96, 3, 3, 3}, random)},
                         OnnxAttributes().Ints("pads", {1, 1, 1, 1}));
  t = b.Node("Conv", {t, weight("wide", {96, 96, 3, 3})}, OnnxAttributes().Ints("pads", {1, 1, 1, 1}));
  t = b.Node("Conv", {t, weight("pointwise", {384, 96, 1, 1})});
  t = b.Node("Conv", {t, weight("grouped", {384, 96, 3, 3})}, OnnxAttributes().Int("group", 4));
  t = b.Node("ConvTranspose", {t, weight("up", {384, 64, 2, 2})}, OnnxAttributes().Ints("strides", {2, 2}));
  t = b.Node("Transpose", {t}, OnnxAttributes().Ints("perm", {0, 2, 3, 1}));
  t = b.Node("MatMul", {t, weight("matrix", {64, 600})});
  // Also read by a reduction, which needs it as floats.
  b.Node(
      "Add",
      {t, b.Node("ReduceSum", {weight("plain", {600, 60}), b.Ints("axis", {1})}, OnnxAttributes().Int("keepdims", 0))},
      {"y"});
  b.Output("y");
  return b.Build();
}

TEST(Weights, HalfPrecisionStaysHalfAndChangesNoBit) {
  const std::string halves = Products(true), floats = Products(false);
  testing::ForEachSimdTarget([&] {
    size_t half_bytes = 0, float_bytes = 0;
    const std::vector<float> half = RunModel(halves, 9, 11, &half_bytes), whole = RunModel(floats, 9, 11, &float_bytes);
    ASSERT_FALSE(whole.empty());
    ASSERT_TRUE(std::isfinite(whole[0]));
    EXPECT_EQ(half, whole);
    EXPECT_LT(static_cast<double>(half_bytes), 0.6 * static_cast<double>(float_bytes));
  });
}

// Two maps of different sizes through one weight, as a backbone at two scales has it.
std::string TwoScales(bool shared) {
  std::mt19937 random(testing::TestSeed(8));
  OnnxBuilder b;
  b.Input("x", {1, 3, -1, -1});
  const std::vector<float> values = RandomValues(64 * 64 * 9, random, 0.1f);
  const std::string first = b.Floats("w", {64, 64, 3, 3}, values);
  const std::string second = shared ? first : b.Floats("v", {64, 64, 3, 3}, values);
  const OnnxAttributes same = OnnxAttributes().Ints("pads", {1, 1, 1, 1});
  const std::string in = b.Node("Conv", {"x", b.RandomFloats("first", {64, 3, 3, 3}, random)}, same);
  const std::string large = b.Node("Relu", {b.Node("Conv", {in, first}, same)});
  const std::string pooled =
      b.Node("AveragePool", {in}, OnnxAttributes().Ints("kernel_shape", {2, 2}).Ints("strides", {2, 2}));
  const std::string small = b.Node("Conv", {pooled, second}, same);
  const std::string back = b.Node("Resize", {small, "", b.Floats("scales", {4}, {1, 1, 2, 2})});
  b.Node("Add", {large, back}, {"y"});
  b.Output("y");
  return b.Build();
}

TEST(Weights, SharedOnesArePackedOnce) {
  size_t shared_bytes = 0, separate_bytes = 0;
  const std::vector<float> shared = RunModel(TwoScales(true), 16, 12, &shared_bytes);
  const std::vector<float> separate = RunModel(TwoScales(false), 16, 12, &separate_bytes);
  ASSERT_FALSE(shared.empty());
  EXPECT_EQ(shared, separate);
  constexpr size_t kWeightBytes = 64 * 64 * 9 * sizeof(float);
  EXPECT_GE(separate_bytes, shared_bytes + kWeightBytes);
  EXPECT_LT(shared_bytes, 2 * kWeightBytes);  // packed, and no raw form beside it
}

TEST(Weights, OtherSizesWorkAfterTheRawFormsAreGone) {
  for (const std::string& model : {TwoScales(true), Products(true)}) {
    auto session = Session::Load(AsBytes(model));
    ASSERT_TRUE(session) << session.error().ToString();
    std::mt19937 random(testing::TestSeed(5));
    for (const auto& [h, w] : {std::pair{16, 12}, std::pair{8, 20}, std::pair{16, 12}}) {
      const Status status = session->Specialize(h, w);
      ASSERT_TRUE(status) << status.error().ToString();
      size_t count = 1;
      for (int64_t extent : session->outputs()[0].shape) count *= static_cast<size_t>(extent);
      std::mt19937 same(testing::TestSeed(5));
      const std::vector<float> x = RandomValues(size_t{3} * static_cast<size_t>(h) * static_cast<size_t>(w), same, 1);
      std::vector<float> y(count);
      ASSERT_TRUE(session->Run(x, y));
      EXPECT_EQ(y, RunModel(model, h, w)) << h << " x " << w;
    }
  }
}

}  // namespace
}  // namespace decal
