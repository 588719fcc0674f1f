// The Remover over tiny models written here: layouts, activations, sizes, cancelling; and over the default model.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "cutout/test_picture.h"
#include "decal/cutout.h"
#include "tests/support/onnx_builder.h"

namespace decal {
namespace {

using testing::Rgba;
using testing::TestPicture;

using testing::OnnxAttributes;
using testing::OnnxBuilder;

constexpr std::array<float, 3> kRed = {1, 0, 0}, kGreen = {0, 1, 0};

Result<Session> Load(const OnnxBuilder& builder) { return Session::Load(testing::AsBytes(builder.Build())); }

// y = a 1x1 convolution over RGB of any size: output channel i takes rows[i] of (r, g, b).
OnnxBuilder MixModel(const std::vector<std::array<float, 3>>& rows) {
  OnnxBuilder b;
  b.Input("x", {1, 3, -1, -1});
  std::vector<float> kernel;
  for (const auto& row : rows) kernel.insert(kernel.end(), row.begin(), row.end());
  b.Node("Conv", {"x", b.Floats("kernel", {static_cast<int64_t>(rows.size()), 3, 1, 1}, kernel)}, {"y"});
  b.Output("y");
  return b;
}

// The matte is the picture's red.
Result<Session> RedModel() { return Load(MixModel({kRed})); }

ModelInfo PlainInfo(int width, int height, OutputActivation activation = OutputActivation::kNone) {
  return {.width = width, .height = height, .mean = {0, 0, 0}, .std = {1, 1, 1}, .activation = activation};
}

Remover MakeRemover(Result<Session> session, const ModelInfo& info) {
  EXPECT_TRUE(session.has_value()) << session.error().ToString();
  Result<Remover> remover = Remover::Create(*std::move(session), info, SerialRunner());
  EXPECT_TRUE(remover.has_value()) << remover.error().ToString();
  return *std::move(remover);
}

CutoutReport RunOk(Remover& remover, const TestPicture& picture, TestPicture& out) {
  const Result<CutoutReport> report = remover.Run(picture.view(), {}, out.mutable_view());
  EXPECT_TRUE(report.has_value()) << report.error().ToString();
  return report.value_or(CutoutReport{});
}

TEST(RemoverTest, MatteBecomesAlpha) {
  Remover remover = MakeRemover(RedModel(), PlainInfo(4, 4));
  const TestPicture picture = TestPicture::Filled(10, 6, {51, 7, 9, 255});
  TestPicture out(10, 6);
  const CutoutReport report = RunOk(remover, picture, out);
  EXPECT_EQ(out.at(3, 3), (Rgba{51, 7, 9, 51}));
  EXPECT_EQ(report.input, (Extent{4, 4}));
  EXPECT_NEAR(report.coverage, 0.2f, 1e-5f);
  EXPECT_GE(report.memory_bytes, 4 * 4 * 4 * sizeof(float));  // at least the model's input and output
  EXPECT_EQ(remover.matte().width, 4);
  EXPECT_EQ(remover.matte().height, 4);
  EXPECT_NEAR(remover.matte().data[5], 0.2f, 1e-5f);
}

TEST(RemoverTest, SaysWhatWasFound) {
  Remover remover = MakeRemover(RedModel(), PlainInfo(10, 5));
  TestPicture picture(100, 50), out(100, 50);
  picture.ForEach([](int x, int y) {
    return Rgba{static_cast<uint8_t>(x >= 20 && x < 50 && y >= 10 && y < 40 ? 255 : 0), 0, 0, 255};
  });
  const CutoutReport report = RunOk(remover, picture, out);
  EXPECT_EQ(report.bounding_box, (Box{20, 10, 30, 30}));
  EXPECT_TRUE(report.found_subject());
  const CutoutReport nothing = RunOk(remover, TestPicture::Filled(100, 50, {0, 200, 0, 255}), out);
  EXPECT_EQ(nothing.bounding_box, Box{});
  EXPECT_FALSE(nothing.found_subject());
}

TEST(RemoverTest, ShortSideRuleFollowsEachPicture) {
  ModelInfo info = PlainInfo(8, 8);
  info.size_rule = SizeRule::kShortSide;
  info.multiple = 4;
  Remover remover = MakeRemover(RedModel(), info);
  for (const auto& [picture_extent, input] :
       {std::pair{Extent{20, 10}, Extent{16, 8}}, {Extent{10, 20}, Extent{8, 16}}, {Extent{40, 20}, Extent{16, 8}}}) {
    TestPicture picture(picture_extent.width, picture_extent.height);
    picture.ForEach(
        [&](int, int y) { return Rgba{static_cast<uint8_t>(y < picture_extent.height / 2 ? 255 : 0), 0, 0, 255}; });
    TestPicture out = picture;
    EXPECT_EQ(RunOk(remover, picture, out).input, input);
    EXPECT_EQ(out.at(1, 0)[3], 255);
    EXPECT_EQ(out.at(1, picture_extent.height - 1)[3], 0);
  }
}

TEST(RemoverTest, LogitsGetTheSigmoid) {
  Remover remover = MakeRemover(RedModel(), PlainInfo(2, 2, OutputActivation::kSigmoid));
  TestPicture out(2, 2);
  const CutoutReport report = RunOk(remover, TestPicture::Filled(2, 2, {255, 0, 0, 255}), out);
  EXPECT_NEAR(report.coverage, 1 / (1 + std::exp(-1.0)), 1e-5);
}

TEST(RemoverTest, SecondOfTwoChannelsIsTheForeground) {
  Remover remover = MakeRemover(Load(MixModel({kRed, kGreen})), PlainInfo(4, 4));
  TestPicture out(4, 4);
  RunOk(remover, TestPicture::Filled(4, 4, {51, 102, 0, 255}), out);
  EXPECT_EQ(out.at(0, 0)[3], 102);
}

TEST(RemoverTest, ChannelsLastWithAFixedSize) {
  OnnxBuilder b;
  b.Input("x", {1, 6, 8, 3});
  const std::string planes = b.Node("Transpose", {"x"}, OnnxAttributes().Ints("perm", {0, 3, 1, 2}));
  const std::string matte = b.Node("Conv", {planes, b.Floats("kernel", {1, 3, 1, 1}, {0, 1, 0})});
  b.Node("Transpose", {matte}, {"y"}, OnnxAttributes().Ints("perm", {0, 2, 3, 1}));
  b.Output("y");
  Remover remover = MakeRemover(Load(b), PlainInfo(100, 100));
  TestPicture picture(8, 6), out(8, 6);
  picture.ForEach([](int x, int y) { return Rgba{1, static_cast<uint8_t>(x * 20 + y * 10), 2, 255}; });
  EXPECT_EQ(RunOk(remover, picture, out).input, (Extent{8, 6}));
  for (int y = 0; y < 6; ++y) {
    for (int x = 0; x < 8; ++x) EXPECT_EQ(out.at(x, y)[3], x * 20 + y * 10);
  }
}

TEST(RemoverTest, FurtherOutputsAreDropped) {
  OnnxBuilder b = MixModel({kRed});
  b.Node("Sigmoid", {"y"}, {"side"});
  b.Output("side");
  Remover remover = MakeRemover(Load(b), PlainInfo(4, 4));
  TestPicture out(4, 4);
  RunOk(remover, TestPicture::Filled(4, 4, {51, 0, 0, 255}), out);
  EXPECT_EQ(out.at(0, 0)[3], 51);
}

TEST(RemoverTest, AModelThatGivesNaNIsAnErrorNotABlankPicture) {
  OnnxBuilder nan_model;  // the logarithm of a negative number
  nan_model.Input("x", {1, 3, -1, -1});
  const std::string red = nan_model.Node("Conv", {"x", nan_model.Floats("kernel", {1, 3, 1, 1}, {-1, 0, 0})});
  nan_model.Node("Log", {red}, {"y"});
  nan_model.Output("y");
  Remover remover = MakeRemover(Load(nan_model), PlainInfo(4, 4));
  TestPicture out = TestPicture::Filled(4, 4, {1, 2, 3, 255});
  const auto report = remover.Run(TestPicture::Filled(4, 4, {51, 0, 0, 255}).view(), {}, out.mutable_view());
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code, ErrorCode::kInternal);
  EXPECT_EQ(out.at(2, 2), (Rgba{1, 2, 3, 255})) << "nothing may be written";
}

// What a host with a GPU does, with a second session in the place of the GPU.
class SplitRunTest : public ::testing::Test {
 protected:
  // Over 64 kB of weights, so that packing releases them.
  static OnnxBuilder WideModel() {
    OnnxBuilder b;
    b.Input("x", {1, 3, -1, -1});
    std::vector<float> first(128 * 3, 0.01f), second(128 * 128, 0.005f), last(128, 0.1f);
    const std::string wide = b.Node("Conv", {"x", b.Floats("first", {128, 3, 1, 1}, first)});
    const std::string wider = b.Node("Conv", {wide, b.Floats("second", {128, 128, 1, 1}, second)});
    b.Node("Conv", {wider, b.Floats("last", {1, 128, 1, 1}, last)}, {"y"});
    b.Output("y");
    return b;
  }

  // The model's output for `input`, by a session of its own.
  static std::vector<float> Infer(std::span<const float> input, int64_t height, int64_t width) {
    Session session = *Load(WideModel());
    EXPECT_TRUE(session.Specialize(height, width));
    std::vector<float> output(static_cast<size_t>(height * width));
    EXPECT_TRUE(session.Run(input, output));
    return output;
  }

  // Plans for the pictures of these tests, as the host's planner would.
  Status Plan() {
    const Extent size = remover_.InputSize({20, 10});
    const auto plan = remover_.session().PlanGpu(size.height, size.width, {}, {});
    if (!plan) return std::unexpected(plan.error());
    return remover_.Expect({20, 10}, plan->outputs[0].shape);
  }

  Remover remover_ = MakeRemover(Load(WideModel()), PlainInfo(8, 4));
  TestPicture picture_ = TestPicture::Random(20, 10, 3);
};

TEST(RemoverTest, PlansAnewForASizeThatWasExpectedOfAnother) {
  ModelInfo info = PlainInfo(8, 8);
  info.size_rule = SizeRule::kShortSide;
  info.multiple = 1;
  Remover remover = MakeRemover(RedModel(), info);
  const TestPicture wide = TestPicture::Random(12, 4, 1), tall = TestPicture::Random(4, 8, 2);
  TestPicture expected(4, 8), out(4, 8), other(12, 4);
  RunOk(remover, tall, expected);
  RunOk(remover, wide, other);
  // The next size goes to a GPU first, which then fails.
  const Extent size = remover.InputSize({4, 8});
  const int64_t shape[] = {1, 1, size.height, size.width};
  ASSERT_TRUE(remover.Expect({4, 8}, shape));
  RunOk(remover, tall, out);
  EXPECT_EQ(out.bytes(), expected.bytes());
}

TEST_F(SplitRunTest, GivesWhatRunGives) {
  TestPicture expected(20, 10), out(20, 10);
  Remover whole = MakeRemover(Load(WideModel()), PlainInfo(8, 4));
  const CutoutReport reference = RunOk(whole, picture_, expected);

  EXPECT_FALSE(remover_.Fits({20, 10}));
  const Status planned = Plan();
  ASSERT_TRUE(planned.has_value()) << planned.error().ToString();
  EXPECT_TRUE(remover_.Fits({20, 10}));
  const auto input = remover_.PrepareInput(picture_.view());
  ASSERT_TRUE(input.has_value()) << input.error().ToString();
  const auto report = remover_.Finish(Infer(*input, 4, 8), picture_.view(), {}, out.mutable_view());
  ASSERT_TRUE(report.has_value()) << report.error().ToString();
  EXPECT_EQ(report->input, (Extent{8, 4}));
  EXPECT_FLOAT_EQ(report->coverage, reference.coverage);
  EXPECT_EQ(report->inference_ms, 0);
  EXPECT_GE(report->memory_bytes, 128 * 128 * sizeof(float)) << "the weights as they came";
  for (int y = 0; y < 10; ++y)
    for (int x = 0; x < 20; ++x) EXPECT_EQ(out.at(x, y), expected.at(x, y));
}

TEST_F(SplitRunTest, ARunOnTheCpuMayFollowAtAnyTime) {
  TestPicture expected(20, 10), out(20, 10);
  Remover whole = MakeRemover(Load(WideModel()), PlainInfo(8, 4));
  RunOk(whole, picture_, expected);
  ASSERT_TRUE(Plan());
  ASSERT_TRUE(remover_.PrepareInput(picture_.view()));
  RunOk(remover_, picture_, out);
  EXPECT_EQ(out.at(7, 7), expected.at(7, 7));
}

TEST_F(SplitRunTest, PackedWeightsCannotBePlanned) {
  TestPicture out(20, 10);
  RunOk(remover_, picture_, out);
  const Status refused = Plan();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInternal);
  RunOk(remover_, picture_, out);  // as if nothing had been asked
}

TEST_F(SplitRunTest, RefusesWhatDoesNotFit) {
  TestPicture out = TestPicture::Filled(20, 10, {1, 2, 3, 4});
  const auto unplanned = remover_.PrepareInput(picture_.view());
  ASSERT_FALSE(unplanned.has_value());
  EXPECT_EQ(unplanned.error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(Plan());
  const auto refused = [&](const std::vector<float>& output) {
    const auto report = remover_.Finish(output, picture_.view(), {}, out.mutable_view());
    EXPECT_FALSE(report.has_value());
    EXPECT_EQ(out.at(3, 3), (Rgba{1, 2, 3, 4})) << "nothing may be written";
    return report ? ErrorCode::kNotFound : report.error().code;
  };
  EXPECT_EQ(refused(std::vector<float>(31, 0.5f)), ErrorCode::kInvalidArgument);
  std::vector<float> broken(32, 0.5f);
  broken[17] = std::nanf("");
  EXPECT_EQ(refused(broken), ErrorCode::kInternal);
}

// A matte of several runs: all of it is finished, on any number of threads alike, and looked at to the end.
TEST(RemoverTest, LargeMattesAreFinishedInRuns) {
  const auto pool = MakeThreadPool(3);
  TestPicture picture = TestPicture::Random(200, 200, 1);
  picture.ForEach([&](int x, int y) { return Rgba{picture.at(x, y)[0], 0, 0, 255}; });
  std::vector<float> mattes[2];
  float coverages[2];
  for (const bool threads : {false, true}) {
    ThreadRunner& runner = threads ? *pool : SerialRunner();
    Result<Remover> remover = Remover::Create(*RedModel(), PlainInfo(200, 200, OutputActivation::kSigmoid), runner);
    ASSERT_TRUE(remover.has_value());
    TestPicture out(200, 200);
    coverages[threads] = RunOk(*remover, picture, out).coverage;
    mattes[threads].assign(remover->matte().data, remover->matte().data + 200 * 200);
  }
  EXPECT_EQ(mattes[0], mattes[1]);
  EXPECT_EQ(coverages[0], coverages[1]);
  double sum = 0;
  for (int y = 0; y < 200; ++y) {
    for (int x = 0; x < 200; ++x) {
      const double expected = 1 / (1 + std::exp(-picture.at(x, y)[0] / 255.0));
      ASSERT_NEAR(mattes[0][static_cast<size_t>(200 * y + x)], expected, 1e-5);
      sum += expected;
    }
  }
  EXPECT_NEAR(coverages[0], sum / (200 * 200), 1e-5);
}

TEST(RemoverTest, ANaNInTheLastPixelIsFound) {
  OnnxBuilder model;  // the root of red less than half: not a number where red is more
  model.Input("x", {1, 3, -1, -1});
  const std::string kernel = model.Floats("kernel", {1, 3, 1, 1}, {-1, 0, 0}), bias = model.Floats("bias", {1}, {0.5f});
  const std::string red = model.Node("Conv", {"x", kernel, bias});
  model.Node("Sqrt", {red}, {"y"});
  model.Output("y");
  Remover remover = MakeRemover(Load(model), PlainInfo(200, 200));
  TestPicture picture = TestPicture::Filled(200, 200, {0, 0, 0, 255}), out(200, 200);
  RunOk(remover, picture, out);
  picture.set(199, 199, {255, 0, 0, 255});
  EXPECT_FALSE(remover.Run(picture.view(), {}, out.mutable_view()).has_value());
}

TEST(RemoverTest, CancelledRunLeavesAWorkingRemover) {
  Remover remover = MakeRemover(RedModel(), PlainInfo(4, 4));
  const TestPicture picture = TestPicture::Filled(4, 4, {51, 0, 0, 255});
  TestPicture out(4, 4);
  const CancelFlag cancel = true;
  const auto report = remover.Run(picture.view(), {}, out.mutable_view(), &cancel);
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(remover.matte().data, nullptr);
  RunOk(remover, picture, out);
  EXPECT_EQ(out.at(0, 0)[3], 51);
}

// Sets a flag when the job of that number begins.
class FlagAtJob : public ThreadRunner {
 public:
  size_t thread_count() const override { return 1; }
  void Run(size_t tasks, Task task, void* context) override {
    if (jobs++ == at) flag = true;
    SerialRunner().Run(tasks, task, context);
  }
  size_t jobs = 0, at = SIZE_MAX;
  CancelFlag flag{false};
};

TEST(RemoverTest, ComposingIsCancelled) {
  FlagAtJob runner;
  auto session = RedModel();
  ASSERT_TRUE(session);
  auto remover = Remover::Create(*std::move(session), PlainInfo(4, 4), runner);
  ASSERT_TRUE(remover);
  const TestPicture picture = TestPicture::Filled(10, 100, {51, 7, 9, 255});
  for (const CompositeOptions& options :
       {CompositeOptions{}, {.refine = Refine::kBest, .smooth = 2, .grow = 3, .shadow = 1}}) {
    TestPicture out(10, 100);
    runner.at = SIZE_MAX;
    ASSERT_TRUE(remover->Run(picture.view(), options, out.mutable_view(), &runner.flag));
    runner.jobs = 0;
    ASSERT_TRUE(remover->Run(picture.view(), options, out.mutable_view(), &runner.flag));
    const size_t last = runner.jobs - 1;
    TestPicture untouched(10, 100);
    runner.jobs = 0, runner.at = last;
    const auto report = remover->Run(picture.view(), options, untouched.mutable_view(), &runner.flag);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::kCancelled);
    runner.flag = false;
  }
}

TEST(RemoverTest, ModelsWithOtherShapesAreRefused) {
  OnnxBuilder four_channels;
  four_channels.Input("x", {1, 4, 8, 8});
  four_channels.Node("Relu", {"x"}, {"y"});
  four_channels.Output("y");
  Result<Session> session = Load(four_channels);
  ASSERT_TRUE(session.has_value()) << session.error().ToString();
  const Result<Remover> created = Remover::Create(*std::move(session), PlainInfo(8, 8), SerialRunner());
  ASSERT_FALSE(created.has_value());
  EXPECT_EQ(created.error().code, ErrorCode::kShapeMismatch);
  EXPECT_NE(created.error().where.find("x [1,4,8,8]"), std::string::npos);

  OnnxBuilder one_number;
  one_number.Input("x", {1, 3, 8, 8});
  one_number.Node("ReduceMean", {"x"}, {"y"}, OnnxAttributes().Int("keepdims", 0));
  one_number.Output("y");
  Remover remover = MakeRemover(Load(one_number), PlainInfo(4, 4));
  const Status prepared = remover.Prepare({10, 10});
  ASSERT_FALSE(prepared.has_value());
  EXPECT_EQ(prepared.error().code, ErrorCode::kShapeMismatch);
}

TEST(RemoverTest, EmptyPicturesAreRefused) {
  Remover remover = MakeRemover(RedModel(), PlainInfo(4, 4));
  EXPECT_EQ(remover.Prepare({0, 5}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(remover.Run({}, {}, {}).error().code, ErrorCode::kInvalidArgument);
}

TEST(RemoverTest, DefaultModelSeparatesASubject) {
  const auto pool = MakeThreadPool(2);
  Result<Remover> remover = Remover::CreateDefault(*pool);
  ASSERT_TRUE(remover.has_value()) << remover.error().ToString();
  // A red disc on grass-coloured noise is no photo, but subject enough for the matte to be higher on it than around.
  TestPicture picture = TestPicture::Random(320, 240, 1), out(320, 240);
  picture.ForEach([&](int x, int y) {
    const Rgba noise = picture.at(x, y);
    if (std::hypot(x - 160, y - 120) < 70) return Rgba{220, 40, 30, 255};
    return Rgba{static_cast<uint8_t>(40 + noise[0] / 8), static_cast<uint8_t>(120 + noise[1] / 8), 40, 255};
  });
  const CutoutReport report = RunOk(*remover, picture, out);
  EXPECT_EQ(report.input, (Extent{Models().front().width, Models().front().height}));
  EXPECT_GT(report.coverage, 0.01f);
  EXPECT_LT(report.coverage, 0.9f);
  EXPECT_GT(out.at(160, 120)[3], out.at(5, 5)[3] + 100);
}

// A red square of `side` pixels on black.
TestPicture RedSquare(int width, int height, int x, int y, int side) {
  TestPicture picture = TestPicture::Filled(width, height, {0, 0, 0, 255});
  for (int row = y; row < y + side; ++row) {
    for (int column = x; column < x + side; ++column) picture.set(column, row, {255, 0, 0, 255});
  }
  return picture;
}

TEST(RemoverTest, ASmallSubjectIsSeenTwice) {
  ModelInfo info = PlainInfo(32, 32);
  info.passes = 2;
  Remover remover = MakeRemover(RedModel(), info);
  const TestPicture small = RedSquare(320, 320, 96, 160, 50);
  const Result<CutoutReport> once = remover.Segment(small.view());
  ASSERT_TRUE(once);
  EXPECT_EQ(once->passes, 1);
  const Result<CutoutReport> twice = remover.Segment(small.view(), nullptr, true);
  ASSERT_TRUE(twice);
  EXPECT_EQ(twice->passes, 2);
  EXPECT_NEAR(twice->coverage, 50.0 * 50 / 320 / 320, 2e-3);
  EXPECT_EQ(twice->bounding_box, (Box{100, 160, 50, 50}));
  const std::vector<float> matte(remover.matte().data,
                                 remover.matte().data + remover.matte().width * remover.matte().height);

  EXPECT_LT(once->memory_bytes, twice->memory_bytes);
  EXPECT_EQ(remover.Segment(RedSquare(320, 320, 20, 20, 280).view(), nullptr, true)->passes, 1)
      << "the subject fills the picture";
  EXPECT_EQ(remover.Segment(TestPicture::Filled(320, 320, {0, 0, 0, 255}).view(), nullptr, true)->passes, 1)
      << "there is none";
  EXPECT_EQ(remover.Segment(RedSquare(400, 100, 96, 20, 50).view(), nullptr, true)->passes, 1) << "it is seen in parts";

  // The same by a host that runs the model itself.
  ASSERT_TRUE(remover.Expect({320, 320}, std::vector<int64_t>{1, 1, 32, 32}));
  Result<CutoutReport> report;
  for (int part = 0; part == 0 || remover.SecondPassDue(); ++part) {
    const auto input = remover.PrepareInput(small.view(), part);
    ASSERT_TRUE(input) << input.error().ToString();
    const std::vector<float> red(input->begin(), input->begin() + 32 * 32);
    report = remover.FinishMatte(red, {320, 320}, part);
    ASSERT_TRUE(report);
    // Another picture has no such part, and this one needs its input first.
    if (part == 0) EXPECT_FALSE(remover.FinishMatte(red, {300, 320}, 1));
    if (part == 0) EXPECT_FALSE(remover.FinishMatte(red, {320, 320}, 1));
  }
  EXPECT_EQ(report->passes, 2);
  EXPECT_EQ(report->bounding_box, twice->bounding_box);
  ASSERT_EQ(static_cast<size_t>(remover.matte().width * remover.matte().height), matte.size());
  for (size_t i = 0; i < matte.size(); ++i) ASSERT_NEAR(remover.matte().data[i], matte[i], 1e-6f);
  EXPECT_FALSE(remover.PrepareInput(small.view(), 1)) << "only once";
}

TEST(RemoverTest, AModelThatSeesPicturesInTheirOwnShapeMakesOnePass) {
  ModelInfo info = PlainInfo(32, 32);
  info.passes = 2;
  info.size_rule = SizeRule::kShortSide;
  Remover remover = MakeRemover(RedModel(), info);
  EXPECT_EQ(remover.Segment(RedSquare(320, 240, 96, 160, 50).view(), nullptr, true)->passes, 1);
}

TEST(RemoverTest, TheNextPictureStartsAnew) {
  ModelInfo info = PlainInfo(32, 32);
  info.passes = 2;
  Remover remover = MakeRemover(RedModel(), info);
  ASSERT_EQ(remover.Segment(RedSquare(320, 320, 96, 160, 50).view(), nullptr, true)->passes, 2);
  const TestPicture large = RedSquare(320, 320, 20, 20, 280), small = RedSquare(320, 320, 30, 30, 60);
  const Result<CutoutReport> filled = remover.Segment(large.view(), nullptr, true);
  EXPECT_EQ(filled->passes, 1);
  EXPECT_NEAR(filled->coverage, 280.0 * 280 / 320 / 320, 1e-3);
  EXPECT_EQ(filled->bounding_box, (Box{20, 20, 280, 280}));
  // A run that is given up leaves nothing behind.
  CancelFlag cancel = true;
  EXPECT_FALSE(remover.Segment(small.view(), &cancel, true));
  EXPECT_EQ(remover.Segment(large.view(), nullptr, true)->bounding_box, filled->bounding_box);
}

}  // namespace
}  // namespace decal
