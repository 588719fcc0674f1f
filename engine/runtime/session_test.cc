// The session's contract: sizes, errors, cancelling, memory figures, several specialisations.
// SPDX-License-Identifier: MIT
#include "decal/session.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/onnx_builder.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using testing::AsBytes;
using testing::OnnxAttributes;
using testing::OnnxBuilder;

// y = relu(conv3x3(x)) resized to twice the size, for any height and width.
std::string OpenSizeModel() {
  std::mt19937 random(testing::TestSeed(1));
  OnnxBuilder b;
  b.Input("x", {1, 3, -1, -1});
  b.RandomFloats("w", {8, 3, 3, 3}, random);
  b.RandomFloats("v", {1, 8, 1, 1}, random);
  std::string t = b.Node("Conv", {"x", "w"}, OnnxAttributes().Ints("pads", {1, 1, 1, 1}));
  t = b.Node("Conv", {b.Node("Relu", {t}), "v"});
  b.Node("Resize", {t, "", b.Floats("scales", {4}, {1, 1, 2, 2})}, {"y"}, OnnxAttributes().String("mode", "linear"));
  b.Output("y");
  return b.Build();
}

TEST(Session, RunsAtSeveralSizesAndReportsMemoryBeforehand) {
  auto session = Session::Load(AsBytes(OpenSizeModel()));
  ASSERT_TRUE(session) << session.error().ToString();
  EXPECT_EQ(session->inputs()[0].shape, (std::vector<int64_t>{1, 3, -1, -1}));
  EXPECT_EQ(session->memory().total_bytes(), 0u);
  std::vector<float> first;
  for (const auto& [h, w] : {std::pair{9, 7}, std::pair{32, 40}, std::pair{9, 7}}) {
    ASSERT_TRUE(session->Specialize(h, w));
    EXPECT_EQ(session->outputs()[0].shape, (std::vector<int64_t>{1, 1, 2 * h, 2 * w}));
    EXPECT_GE(session->memory().arena_bytes, session->memory().lower_bound_bytes);
    EXPECT_GT(session->memory().weights_bytes, 8 * 3 * 9 * sizeof(float));
    std::vector<float> x(static_cast<size_t>(3 * h * w), 0.5f), y(static_cast<size_t>(4 * h * w));
    ASSERT_TRUE(session->Run(x, y));
    if (h != 9) continue;
    if (first.empty()) first = y;
    EXPECT_EQ(y, first) << "a second specialisation of the same size differs";
  }
}

// The weights are packed once, in a form that serves whatever is chosen for a size.
TEST(Session, EverySizeChoosesItsConvolution) {
  constexpr int kChannels = 16;
  std::mt19937 random(testing::TestSeed(7));
  std::vector<float> w(kChannels * kChannels * 9);
  for (float& value : w) value = std::uniform_real_distribution<float>(-1, 1)(random);
  OnnxBuilder b;
  b.Input("x", {1, kChannels, -1, -1});
  b.Node("Conv", {"x", b.Floats("w", {kChannels, kChannels, 3, 3}, w)}, {"y"},
         OnnxAttributes().Ints("pads", {1, 1, 1, 1}));
  b.Output("y");
  auto session = Session::Load(AsBytes(b.Build()));
  ASSERT_TRUE(session) << session.error().ToString();
  std::vector<std::string> algorithms;
  for (const int size : {1, 20, 2, 20, 1}) {
    const size_t n = static_cast<size_t>(size);
    ASSERT_TRUE(session->Specialize(size, size));
    for (const StepInfo& step : session->steps()) {
      if (step.op == "Conv") algorithms.push_back(step.algorithm);
    }
    std::vector<float> x(kChannels * n * n), y(x.size());
    for (float& value : x) value = std::uniform_real_distribution<float>(-1, 1)(random);
    ASSERT_TRUE(session->Run(x, y));
    for (size_t at = 0; at < y.size(); ++at) {
      const size_t column = at / (n * n), row = at / n % n, pixel = at % n;
      double sum = 0;
      for (size_t k = 0; k < kChannels; ++k) {
        for (size_t tap = 0; tap < 9; ++tap) {
          const size_t in_y = row + tap / 3 - 1, in_x = pixel + tap % 3 - 1;  // wraps around outside
          if (in_y < n && in_x < n) sum += double{x[(k * n + in_y) * n + in_x]} * w[(column * kChannels + k) * 9 + tap];
        }
      }
      ASSERT_NEAR(y[at], sum, 4e-5) << "size " << size << " element " << at;
    }
  }
  ASSERT_EQ(algorithms.size(), 5u);
  EXPECT_EQ(algorithms[0], "implicit GEMM");
  EXPECT_EQ(algorithms[1], "Winograd F(4x4,3x3)");
  EXPECT_EQ(algorithms[3], algorithms[1]);
  EXPECT_EQ(algorithms[4], algorithms[0]);
}

TEST(Session, SizesThatDoNotFitAreNamedAndHarmless) {
  OnnxBuilder b;
  b.Input("picture", {1, 1, 4, 4});
  b.Node("Relu", {"picture"}, {"y"});
  b.Output("y");
  auto session = Session::Load(AsBytes(b.Build()));
  ASSERT_TRUE(session);
  std::vector<float> x(16, -1.0f), y(16, 5.0f);
  EXPECT_EQ(session->Run(x, y).error().code, ErrorCode::kInvalidArgument);  // before Specialize
  ASSERT_TRUE(session->Specialize(0, 0));
  const Status wrong = session->Specialize(8, 4);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::kShapeMismatch);
  EXPECT_EQ(wrong.error().where, "picture");
  EXPECT_FALSE(session->Specialize(-1, 4));
  ASSERT_TRUE(session->Run(x, y)) << "the earlier specialisation must survive";
  EXPECT_EQ(y, std::vector<float>(16, 0.0f));
  EXPECT_EQ(session->Run(std::span(x).first(15), y).error().code, ErrorCode::kShapeMismatch);
}

// A model of one size lets go of what only made its shapes, and can still be planned again.
TEST(Session, FixedModelsKeepTheirSpecialisedForm) {
  std::mt19937 random(testing::TestSeed(4));
  OnnxBuilder b;
  b.Input("x", {1, 3, 8, 6});
  const std::string t = b.Node("Conv", {"x", b.RandomFloats("w", {64, 3, 3, 3}, random)});
  // 1 MB of constants that add up to one number for each channel.
  const std::string table = b.RandomFloats("table", {64, 4096}, random);
  const std::string mean = b.Node("ReduceMean", {table}, OnnxAttributes().Ints("axes", {1}));
  b.Node("Add", {t, b.Node("Reshape", {mean, b.Ints("column", {64, 1, 1})})}, {"y"});
  b.Output("y");
  auto session = Session::Load(AsBytes(b.Build()));
  ASSERT_TRUE(session) << session.error().ToString();
  ASSERT_TRUE(session->PrintGraph(0, 0, "canonicalize"));
  std::vector<float> x(3 * 8 * 6, 0.25f), first(64 * 6 * 4), y(first.size());
  ASSERT_TRUE(session->Specialize(0, 0));
  ASSERT_TRUE(session->Run(x, first));
  const auto printed = session->PrintGraph(0, 0, "");
  ASSERT_TRUE(printed);
  auto pool = MakeThreadPool(2);
  ASSERT_TRUE(session->Specialize(8, 6, *pool));
  ASSERT_TRUE(session->Run(x, y));
  EXPECT_EQ(y, first);
  EXPECT_EQ(*session->PrintGraph(0, 0, ""), *printed);
  EXPECT_EQ(session->PrintGraph(0, 0, "canonicalize").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(session->Specialize(16, 6, *pool).error().code, ErrorCode::kShapeMismatch);
  ASSERT_TRUE(session->Run(x, y));
  EXPECT_EQ(y, first);
}

TEST(Session, OpenSizesMustBeGiven) {
  auto session = Session::Load(AsBytes(OpenSizeModel()));
  ASSERT_TRUE(session);
  EXPECT_EQ(session->Specialize(0, 0).error().code, ErrorCode::kShapeMismatch);
  EXPECT_EQ(session->Specialize(1 << 30, 1 << 30).error().code, ErrorCode::kLimitExceeded);
}

TEST(Session, CancelEndsBetweenLayers) {
  auto session = Session::Load(AsBytes(OpenSizeModel()));
  ASSERT_TRUE(session && session->Specialize(16, 16));
  std::vector<float> x(3 * 256, 1.0f), y(4 * 256, -7.0f);
  const std::span<const float> in = x;
  const std::span<float> out = y;
  CancelFlag cancel = true;
  const Status status = session->Run({&in, 1}, {&out, 1}, {.cancel = &cancel});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(y[0], -7.0f) << "nothing may be written by a cancelled run";
  cancel = false;
  std::vector<double> step_ms;
  EXPECT_TRUE(session->Run({&in, 1}, {&out, 1}, {.cancel = &cancel, .step_ms = &step_ms}));
  EXPECT_EQ(step_ms.size(), session->steps().size());
}

TEST(Session, ThreadCountDoesNotChangeTheResult) {
  auto session = Session::Load(AsBytes(OpenSizeModel()));
  ASSERT_TRUE(session);
  std::mt19937 random(testing::TestSeed(9));
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> x(3 * 64 * 48);
  for (float& v : x) v = uniform(random);
  std::vector<float> expected(4 * 64 * 48), y(expected.size());
  ASSERT_TRUE(session->Specialize(64, 48));
  ASSERT_TRUE(session->Run(x, expected));
  for (size_t threads : {2, 3, 5, 8}) {
    auto pool = MakeThreadPool(threads);
    ASSERT_TRUE(session->Specialize(64, 48, *pool));
    for (int round = 0; round < 3; ++round) {
      ASSERT_TRUE(session->Run(x, y));
      ASSERT_EQ(y, expected) << threads << " threads";
    }
  }
}

TEST(Session, OutputsMayBeInputsConstantsOrTwins) {
  OnnxBuilder b;
  b.Input("x", {1, 2, 2, 2});
  b.Floats("c", {2}, {3, 4});
  b.Node("Identity", {"x"}, {"same"});
  b.Node("Identity", {"c"}, {"known"});
  b.Node("Abs", {"x"}, {"a"});
  b.Node("Identity", {"a"}, {"twin"});
  for (const char* name : {"same", "known", "a", "twin"}) b.Output(name);
  auto session = Session::Load(AsBytes(b.Build()));
  ASSERT_TRUE(session) << session.error().ToString();
  ASSERT_TRUE(session->Specialize(0, 0));
  const std::vector<float> x = {-1, 2, -3, 4, -5, 6, -7, 8};
  std::vector<float> same(8), known(2), a(8), twin(8);
  const std::span<const float> in = x;
  const std::span<float> out[] = {same, known, a, twin};
  ASSERT_TRUE(session->Run({&in, 1}, out, {}));
  EXPECT_EQ(same, x);
  EXPECT_EQ(known, (std::vector<float>{3, 4}));
  EXPECT_EQ(a, (std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(twin, a);
}

TEST(Session, UnsupportedOperatorsFailTheLoad) {
  OnnxBuilder b;
  b.Input("x", {1});
  b.Node("Loop", {"x"}, {"y"});
  b.Output("y");
  auto session = Session::Load(AsBytes(b.Build()));
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, ErrorCode::kUnsupportedOperator);
  EXPECT_NE(session.error().message.find("Loop_0"), std::string::npos);
}

}  // namespace
}  // namespace decal
