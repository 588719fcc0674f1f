// Outputs of every form that models have, and what their numbers may mean.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/matte_output.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "cutout/test_picture.h"
#include "tests/support/onnx_builder.h"

namespace decal {
namespace {

using testing::OnnxAttributes;
using testing::OnnxBuilder;
using testing::Rgba;
using testing::TestPicture;

constexpr int32_t kOnnxFloat = 1, kOnnxUint8 = 2, kOnnxHalf = 10;
constexpr std::array<float, 3> kTakeRed = {1, 0, 0}, kTakeGreen = {0, 1, 0}, kTakeBlue = {0, 0, 1};

ModelInfo FixedInfo(OutputActivation activation = OutputActivation::kNone) {
  return {.width = 4, .height = 2, .mean = {0, 0, 0}, .std = {1, 1, 1}, .activation = activation};
}

// Channels of `x` [1,3,2,4] or [1,2,4,3]: each row of `rows` is one output channel. Returns a planar value.
std::string Mix(OnnxBuilder& b, const std::string& x, const std::vector<std::array<float, 3>>& rows,
                const std::string& name) {
  std::vector<float> kernel;
  for (const auto& row : rows) kernel.insert(kernel.end(), row.begin(), row.end());
  const std::string weights = b.Floats("kernel_" + name, {static_cast<int64_t>(rows.size()), 3, 1, 1}, kernel);
  return b.Node("Conv", {x, weights}, {name});
}

// One output "y" of the picture's channels, [1,C,2,4].
OnnxBuilder FixedMixModel(const std::vector<std::array<float, 3>>& rows) {
  OnnxBuilder b;
  b.Input("x", {1, 3, 2, 4});
  Mix(b, "x", rows, "y");
  b.Output("y");
  return b;
}

Result<Remover> Create(const OnnxBuilder& model, const ModelInfo& info) {
  Result<Session> session = Session::Load(testing::AsBytes(model.Build()));
  EXPECT_TRUE(session.has_value()) << session.error().ToString();
  if (!session) return std::unexpected(session.error());
  return Remover::Create(*std::move(session), info, SerialRunner());
}

TestPicture Gradient() {
  TestPicture picture(4, 2);
  picture.ForEach([](int x, int y) {
    return Rgba{static_cast<uint8_t>(10 + 50 * x), static_cast<uint8_t>(20 + 30 * y),
                static_cast<uint8_t>(200 - 40 * x), 255};
  });
  return picture;
}

// The matte of Gradient(), or the error.
Result<std::vector<float>> MatteOf(const OnnxBuilder& model, const ModelInfo& info) {
  Result<Remover> remover = Create(model, info);
  if (!remover) return std::unexpected(remover.error());
  TestPicture out(4, 2);
  const auto report = remover->Run(Gradient().view(), {}, out.mutable_view());
  if (!report) return std::unexpected(report.error());
  const MatteView matte = remover->matte();
  double sum = 0;
  for (int i = 0; i < 8; ++i) sum += matte.data[i];
  EXPECT_NEAR(report->coverage, sum / 8, 1e-6);
  return std::vector<float>(matte.data, matte.data + 8);
}

// What fn(r, g, b) of bytes gives for each pixel.
template <class Fn>
void ExpectMatte(const OnnxBuilder& model, const ModelInfo& info, const Fn& fn, float tolerance = 1e-5f) {
  const auto matte = MatteOf(model, info);
  ASSERT_TRUE(matte.has_value()) << matte.error().ToString();
  const TestPicture picture = Gradient();
  for (int y = 0; y < 2; ++y) {
    for (int x = 0; x < 4; ++x) {
      const Rgba p = picture.at(x, y);
      const float expected = fn(static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2]));
      EXPECT_NEAR((*matte)[static_cast<size_t>(4 * y + x)], expected, tolerance) << x << ' ' << y;
    }
  }
}

float Red(float r, float, float) { return r / 255; }
float Green(float, float g, float) { return g / 255; }
float Blue(float, float, float b) { return b / 255; }
float Sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

TEST(MatteOutputTest, ShapesOfMattes) {
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{1, 1, 2, 4}, {1, 2, 4, 1}, {1, 2, 4}, {2, 4}}) {
    OnnxBuilder b;
    b.Input("x", {1, 3, 2, 4});
    b.Node("Reshape", {Mix(b, "x", {kTakeRed}, "red"), b.Ints("shape", shape)}, {"y"});
    b.Output("y", shape);
    ExpectMatte(b, FixedInfo(), Red);
  }
}

TEST(MatteOutputTest, ClassesArePlanesOrLieSideBySide) {
  for (const bool last : {false, true}) {
    OnnxBuilder b;
    b.Input("x", {1, 3, 2, 4});
    const std::string planes = Mix(b, "x", {kTakeRed, kTakeGreen, kTakeBlue, kTakeRed}, "planes");
    // [1,2,4,4] would be as good as four classes of 2 x 4.
    const std::string wide = b.Node("Concat", {planes, planes, planes, planes}, OnnxAttributes().Int("axis", 2));
    b.Node("Transpose", {wide}, {"y"},
           OnnxAttributes().Ints("perm", last ? std::vector<int64_t>{0, 2, 3, 1} : std::vector<int64_t>{0, 1, 2, 3}));
    b.Output("y");
    ModelInfo info = FixedInfo();
    for (const auto& [index, channel] : {std::pair{0, &Red}, {1, &Green}, {2, &Blue}}) {
      info.foreground_class = index;
      Result<Remover> remover = Create(b, info);
      ASSERT_TRUE(remover.has_value()) << remover.error().ToString();
      const TestPicture picture = Gradient();
      TestPicture out(4, 2);
      ASSERT_TRUE(remover->Run(picture.view(), {}, out.mutable_view()));
      ASSERT_EQ(remover->matte().height, 8);
      for (int y = 0; y < 8; ++y) {
        for (int x = 0; x < 4; ++x) {
          const Rgba p = picture.at(x, y % 2);
          EXPECT_NEAR(remover->matte().data[4 * y + x], channel(p[0], p[1], p[2]), 1e-5f) << index << last;
        }
      }
    }
    info.foreground_class = -1;
    const auto unnamed = MatteOf(b, info);
    ASSERT_FALSE(unnamed);
    EXPECT_EQ(unnamed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(unnamed.error().message.find("foregroundClass"), std::string::npos);
    info.foreground_class = 4;
    EXPECT_EQ(MatteOf(b, info).error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(MatteOutputTest, OfTwoClassesTheLastUnlessOneIsNamed) {
  const OnnxBuilder two = FixedMixModel({kTakeRed, kTakeGreen});
  ExpectMatte(two, FixedInfo(), Green);
  ModelInfo first = FixedInfo();
  first.foreground_class = 0;
  ExpectMatte(two, first, Red);
}

TEST(MatteOutputTest, ActivationsAndWhatAutoFinds) {
  const auto auto_info = FixedInfo(OutputActivation::kAuto);
  ExpectMatte(FixedMixModel({kTakeRed}), auto_info, Red);

  const OnnxBuilder logits = FixedMixModel({{20, -20, 0}});
  const auto logit = [](float r, float g, float) { return Sigmoid(20 * (r - g) / 255); };
  ExpectMatte(logits, FixedInfo(OutputActivation::kSigmoid), logit);
  ExpectMatte(logits, auto_info, logit);

  const OnnxBuilder bytes = FixedMixModel({{0, 0, 255}});
  ExpectMatte(bytes, FixedInfo(OutputActivation::kBytes), Blue);
  ExpectMatte(bytes, auto_info, Blue);

  const OnnxBuilder classes = FixedMixModel({{20, 0, 0}, {0, 20, 0}, {-20, 0, 5}});
  const auto softmax = [](float r, float g, float b) {
    const float e[] = {std::exp(20 * r / 255), std::exp(20 * g / 255), std::exp((5 * b - 20 * r) / 255)};
    return e[2] / (e[0] + e[1] + e[2]);
  };
  for (const auto activation : {OutputActivation::kSoftmax, OutputActivation::kAuto}) {
    ModelInfo info = FixedInfo(activation);
    info.foreground_class = 2;
    ExpectMatte(classes, info, softmax);
  }
  ExpectMatte(logits, FixedInfo(OutputActivation::kSoftmax), logit);  // one class: as the sigmoid
}

TEST(MatteOutputTest, NumbersThatAreNoMatteAreAnErrorThatNamesTheOption) {
  const auto failed = [](const OnnxBuilder& model, const ModelInfo& info) {
    const auto matte = MatteOf(model, info);
    EXPECT_FALSE(matte.has_value());
    if (matte) return std::string();
    EXPECT_EQ(matte.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(matte.error().where, "activation");
    return matte.error().message;
  };
  EXPECT_NE(failed(FixedMixModel({{20, -20, 0}}), FixedInfo()).find("sigmoid"), std::string::npos);
  EXPECT_NE(failed(FixedMixModel({{20, -20, 0}, {-20, 20, 0}}), FixedInfo()).find("softmax"), std::string::npos);
  EXPECT_NE(failed(FixedMixModel({{0, 0, 255}}), FixedInfo()).find("bytes"), std::string::npos);
  EXPECT_NE(failed(FixedMixModel({{0, 0, 255}}), FixedInfo()).find("from 0 to 200,"), std::string::npos);
  EXPECT_NE(failed(FixedMixModel({{0, 0, 1000}}), FixedInfo(OutputActivation::kBytes)).find("division by 255"),
            std::string::npos);
}

// A little beyond 0..1, or much on a few pixels, is a matte that is clamped.
TEST(MatteOutputTest, OvershootIsClamped) {
  ThreadRunner& runner = SerialRunner();
  const MatteLayout layout{.extent = {100, 100}};
  std::vector<float> values(10000, 1.009f);
  for (size_t i = 0; i < 100; ++i) values[i] = -7;
  const auto mean = ReadMatte(OutputActivation::kNone, layout, values, runner);
  ASSERT_TRUE(mean.has_value()) << mean.error().ToString();
  EXPECT_EQ(values[0], 0);
  EXPECT_EQ(values[9999], 1);
  EXPECT_NEAR(*mean, 0.99f, 1e-6f);
  std::vector<float> more(10000, 0.5f);
  for (size_t i = 0; i < 101; ++i) more[i] = -7;
  EXPECT_FALSE(ReadMatte(OutputActivation::kNone, layout, more, runner));
}

TEST(MatteOutputTest, LargeOutputsAreReadInRunsAlike) {
  const auto pool = MakeThreadPool(3);
  for (const bool last : {false, true}) {
    const MatteLayout layout{.extent = {200, 200}, .classes = 3, .foreground = 1, .channels_last = last};
    std::vector<float> first(layout.values());
    for (size_t i = 0; i < first.size(); ++i)
      first[i] = static_cast<float>(std::sin(static_cast<double>(i) * 0.37) * 4);
    std::vector<float> second = first;
    const auto serial = ReadMatte(OutputActivation::kSoftmax, layout, first, SerialRunner());
    const auto threads = ReadMatte(OutputActivation::kSoftmax, layout, second, *pool);
    ASSERT_TRUE(serial && threads);
    EXPECT_EQ(*serial, *threads);
    EXPECT_EQ(first, second);
    const size_t pixel = 39999, step = last ? 3 : 1, plane = last ? 1 : 40000;
    const auto logit = [&](size_t c) { return std::sin(static_cast<double>(pixel * step + c * plane) * 0.37) * 4; };
    const double sum = std::exp(logit(0)) + std::exp(logit(1)) + std::exp(logit(2));
    EXPECT_NEAR(first[layout.offset() + pixel], std::exp(logit(1)) / sum, 1e-5);
  }
}

// Several outputs: by name, by shape, or as asked.
TEST(MatteOutputTest, TheOutputThatIsTheMatte) {
  const auto model = [](const std::string& second, const std::vector<int64_t>& first_shape = {1, 3, 2, 4}) {
    OnnxBuilder b;
    b.Input("x", {1, 3, 2, 4});
    Mix(b, "x", {kTakeRed, kTakeGreen, kTakeBlue}, "fgr");
    Mix(b, "x", {kTakeBlue}, second);
    b.Output("fgr", first_shape);
    b.Output(second, {1, 1, 2, 4});
    return b;
  };
  for (const char* name : {"pha", "Alpha", "the_matte", "mask_out"}) ExpectMatte(model(name), FixedInfo(), Blue);
  ExpectMatte(model("other"), FixedInfo(), Blue);  // by its shape
  ModelInfo info = FixedInfo();
  info.output = "fgr";
  info.foreground_class = 0;
  ExpectMatte(model("pha"), info, Red);
  info.output = "nothing";
  const auto failed = MatteOf(model("pha"), info);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kNotFound);
  EXPECT_NE(failed.error().message.find("fgr, pha"), std::string::npos) << failed.error().message;
  // Of outputs that are alike, as the coarser mattes of U-2-Net, the first.
  OnnxBuilder alike;
  alike.Input("x", {1, 3, 2, 4});
  for (const auto& [name, row] : {std::pair{"d0", kTakeGreen}, {"d1", kTakeRed}, {"d2", kTakeRed}}) {
    Mix(alike, "x", {row}, name);
    alike.Output(name, {1, 1, 2, 4});
  }
  ExpectMatte(alike, FixedInfo(), Green);
}

TEST(MatteOutputTest, InputsBesidesThePictureHaveAValue) {
  OnnxBuilder b;
  b.Input("gain", {1});
  b.Input("x", {1, 3, 2, 4});
  b.Input("state", {-1, 1, -1, -1});
  const std::string red = Mix(b, "x", {kTakeRed}, "red");
  b.Node("Add", {b.Node("Mul", {red, "gain"}), "state"}, {"y"});
  b.Output("y");
  const auto without = MatteOf(b, FixedInfo());
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(without.error().message.find("gain, state"), std::string::npos) << without.error().message;
  const InputValue values[] = {{"gain", 0.5f}, {"state", 0.25f}};
  ModelInfo info = FixedInfo();
  info.inputs = values;
  ExpectMatte(b, info, [](float r, float, float) { return 0.5f * r / 255 + 0.25f; });
}

// [1,H,W,3] of bytes, and float16 in and out; mean and std are of values, not of bytes.
TEST(MatteOutputTest, TypesOfInputsAndOutputs) {
  OnnxBuilder bytes;
  bytes.Input("x", {1, 2, 4, 3}, kOnnxUint8);
  const std::string floats = bytes.Node("Cast", {"x"}, OnnxAttributes().Int("to", kOnnxFloat));
  const std::string scaled = bytes.Node("Div", {floats, bytes.Floats("full", {1}, {255})});
  const std::string planes = bytes.Node("Transpose", {scaled}, OnnxAttributes().Ints("perm", {0, 3, 1, 2}));
  Mix(bytes, planes, {kTakeGreen}, "y");
  bytes.Output("y");
  ModelInfo info = FixedInfo();
  info.mean = {0.5f, 0.5f, 0.5f};
  ExpectMatte(bytes, info, Green);

  OnnxBuilder half;
  half.Input("x", {1, 3, 2, 4}, kOnnxHalf);
  const std::string kernel = half.Tensor<uint16_t>("kernel", {1, 3, 1, 1}, kOnnxHalf, {0, 0, 0x3C00});  // 0, 0, 1
  half.Node("Conv", {"x", kernel}, {"y"});
  half.Output("y", {1, 1, 2, 4}, kOnnxHalf);
  ExpectMatte(half, FixedInfo(), Blue);
}

}  // namespace
}  // namespace decal
