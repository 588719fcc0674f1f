// Inputs and outputs of any type, as Session::Run takes and gives them: float32.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "decal/session.h"
#include "tests/support/onnx_builder.h"

namespace decal {
namespace {

using testing::OnnxAttributes;
using testing::OnnxBuilder;

constexpr int32_t kOnnxFloat = 1, kOnnxUint8 = 2, kOnnxInt64 = 7, kOnnxHalf = 10;

Session LoadOk(const OnnxBuilder& builder) {
  Result<Session> session = Session::Load(testing::AsBytes(builder.Build()));
  EXPECT_TRUE(session.has_value()) << session.error().ToString();
  return *std::move(session);
}

std::vector<float> RunOk(Session& session, const std::vector<float>& x) {
  const Status planned = session.Specialize(0, 0);
  EXPECT_TRUE(planned.has_value()) << planned.error().ToString();
  std::vector<float> y(x.size());
  const Status ran = session.Run(x, y);
  EXPECT_TRUE(ran.has_value()) << ran.error().ToString();
  return y;
}

// Each type of input with each of output, through Cast nodes where they differ.
TEST(FloatBorderTest, EveryTypeIsFloat32ForRun) {
  for (const int32_t in : {kOnnxFloat, kOnnxUint8, kOnnxInt64, kOnnxHalf}) {
    for (const int32_t out : {kOnnxFloat, kOnnxUint8, kOnnxInt64, kOnnxHalf}) {
      OnnxBuilder b;
      b.Input("x", {4}, in);
      const std::string floats = b.Node("Cast", {"x"}, OnnxAttributes().Int("to", kOnnxFloat));
      const std::string doubled = b.Node("Add", {floats, floats});
      b.Node("Cast", {doubled}, {"y"}, OnnxAttributes().Int("to", out));
      b.Output("y", {4}, out);
      Session session = LoadOk(b);
      const auto name = [](int32_t type) {
        return type == kOnnxFloat ? "f32" : type == kOnnxUint8 ? "u8" : type == kOnnxInt64 ? "i64" : "f16";
      };
      EXPECT_EQ(session.inputs()[0].dtype, name(in));
      EXPECT_EQ(session.outputs()[0].dtype, name(out));
      EXPECT_EQ(RunOk(session, {0, 1, 60, 127}), (std::vector<float>{0, 2, 120, 254})) << in << " " << out;
      EXPECT_EQ(session.inputs()[0].dtype, name(in));  // after Specialize, too
      EXPECT_EQ(session.outputs()[0].dtype, name(out));
    }
  }
}

TEST(FloatBorderTest, IntegersThatAreReadAsSuch) {
  OnnxBuilder b;
  b.Input("x", {4}, kOnnxUint8);
  b.Node("Transpose", {"x"}, {"y"}, OnnxAttributes().Ints("perm", {0}));
  b.Output("y", {4}, kOnnxUint8);
  Session session = LoadOk(b);
  EXPECT_EQ(RunOk(session, {0, 1, 200, 255}), (std::vector<float>{0, 1, 200, 255}));
}

TEST(FloatBorderTest, HalfThroughout) {
  OnnxBuilder b;
  b.Input("x", {4}, kOnnxHalf);
  b.Node("Add", {"x", "x"}, {"y"});
  b.Output("y", {4}, kOnnxHalf);
  Session session = LoadOk(b);
  EXPECT_EQ(RunOk(session, {0, 0.25f, -3, 1000}), (std::vector<float>{0, 0.5f, -6, 2000}));
}

TEST(FloatBorderTest, OutputsKeepTheirOwnNames) {
  OnnxBuilder b;
  b.Input("x", {4});
  const std::string sum = b.Node("Add", {"x", "x"});
  b.Node("Identity", {sum}, {"alpha"});
  b.Node("Identity", {"x"}, {"copy"});
  b.Output("alpha", {4});
  b.Output("copy", {4});
  Session session = LoadOk(b);
  EXPECT_EQ(session.outputs()[0].name, "alpha");
  EXPECT_EQ(session.outputs()[1].name, "copy");
  RunOk(session, {1, 2, 3, 4});
  EXPECT_EQ(session.outputs()[0].name, "alpha");
  EXPECT_EQ(session.outputs()[1].name, "copy");
}

// y = x resized by `ratio` in both directions; z = x + bias.
OnnxBuilder RatioModel() {
  OnnxBuilder b;
  b.Input("x", {1, 1, 2, 2});
  b.Input("ratio", {1});
  b.Input("bias", {-1, 1, -1, -1});
  b.Floats("ones", {2}, {1, 1});
  const std::string scales = b.Node("Concat", {"ones", "ratio", "ratio"}, OnnxAttributes().Int("axis", 0));
  b.Node("Resize", {"x", "", scales}, {"y"}, OnnxAttributes().String("mode", "nearest"));
  b.Node("Add", {"x", "bias"}, {"z"});
  b.Output("y");
  b.Output("z", {1, 1, 2, 2});
  return b;
}

TEST(SessionTest, InputsThatAreFixedAndOutputsThatAreKept) {
  Session session = LoadOk(RatioModel());
  EXPECT_EQ(session.FixInput("rate", 2).error().code, ErrorCode::kNotFound);
  EXPECT_NE(session.FixInput("rate", 2).error().message.find("x, ratio, bias"), std::string::npos);
  ASSERT_TRUE(session.FixInput("ratio", 2));
  ASSERT_TRUE(session.FixInput("bias", 0.5f));
  ASSERT_EQ(session.inputs().size(), 1u);
  EXPECT_EQ(session.inputs()[0].name, "x");
  EXPECT_EQ(session.FixInput("x", 1).error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(session.Specialize(0, 0));
  EXPECT_EQ(session.outputs()[0].shape, (std::vector<int64_t>{1, 1, 4, 4}));
  std::vector<float> y(16), z(4);
  const std::vector<float> x = {1, 2, 3, 4};
  const std::span<const float> inputs[] = {x};
  const std::span<float> outputs[] = {y, z};
  ASSERT_TRUE(session.Run(inputs, outputs, {}));
  EXPECT_EQ(y, (std::vector<float>{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4}));
  EXPECT_EQ(z, (std::vector<float>{1.5f, 2.5f, 3.5f, 4.5f}));
  EXPECT_EQ(session.KeepOutput("z").error().code, ErrorCode::kInvalidArgument);  // too late

  Session kept = LoadOk(RatioModel());
  EXPECT_EQ(kept.KeepOutput("alpha").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(kept.FixInput("ratio", 2));
  ASSERT_TRUE(kept.FixInput("bias", 0.5f));
  ASSERT_TRUE(kept.KeepOutput("z"));
  EXPECT_EQ(RunOk(kept, x), z);
  EXPECT_EQ(kept.outputs().size(), 1u);
  EXPECT_EQ(kept.steps().size(), 1u);  // nothing is left of y
}

}  // namespace
}  // namespace decal
