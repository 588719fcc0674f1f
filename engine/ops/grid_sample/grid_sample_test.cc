// GridSample: positions, padding and filters by hand.
// SPDX-License-Identifier: MIT
#include "engine/ops/grid_sample/grid_sample.h"

#include <limits>

#include "engine/ops/pointwise_test.h"

namespace decal {
namespace {

using namespace testing;  // NOLINT: test support

// Samples the row 10, 20, 30 at the given x coordinates.
std::vector<float> Sample(const GridSample& op, const std::vector<float>& at) {
  const TestTensor x = TestTensor::Of({1, 1, 1, 3}, {10, 20, 30});
  TestTensor grid = TestTensor::Dense({1, 1, static_cast<int64_t>(at.size()), 2});
  for (size_t i = 0; i < at.size(); ++i) {
    grid.mutable_view().as<float>()[2 * i] = at[i];
    grid.mutable_view().as<float>()[2 * i + 1] = 0;
  }
  const TestInput inputs[] = {{&x}, {&grid}};
  return RunReferenceOf(op, inputs).Values();
}

TEST(GridSample, CornersAreCentresOrEdges) {
  EXPECT_EQ(Sample({.align_corners = true}, {-1, -0.5f, 0, 1}), (std::vector<float>{10, 15, 20, 30}));
  // Without aligned corners -1 is the picture's edge, half a pixel before the first centre.
  EXPECT_EQ(Sample({}, {-2 / 3.f, 0, 2 / 3.f}), (std::vector<float>{10, 20, 30}));
  EXPECT_EQ(Sample({}, {-1, 1}), (std::vector<float>{5, 15}));
}

TEST(GridSample, PaddingIsZeroTheBorderOrAMirror) {
  const std::vector<float> outside = {-3, 3};
  EXPECT_EQ(Sample({.align_corners = true}, outside), (std::vector<float>{0, 0}));
  EXPECT_EQ(Sample({.padding = GridPadding::kBorder, .align_corners = true}, outside), (std::vector<float>{10, 30}));
  // Position -2 mirrors to 2, position 4 to 0.
  EXPECT_EQ(Sample({.padding = GridPadding::kReflection, .align_corners = true}, outside),
            (std::vector<float>{30, 10}));
}

TEST(GridSample, NearestAndCubic) {
  EXPECT_EQ(Sample({.mode = ResizeMode::kNearest, .align_corners = true}, {-0.6f, 0.4f}), (std::vector<float>{10, 20}));
  // At a sample a cubic filter gives the sample.
  EXPECT_EQ(Sample({.mode = ResizeMode::kCubic, .align_corners = true}, {-1, 0, 1}), (std::vector<float>{10, 20, 30}));
  // Between equal distances of 10 and 20 its weights are -3/32, 19/32, 19/32, -3/32 (the missing one is zero).
  const std::vector<float> between = Sample({.mode = ResizeMode::kCubic, .align_corners = true}, {-0.5f});
  EXPECT_NEAR(between[0], 19 / 32.f * 30 - 3 / 32.f * 30, 1e-5f);
}

TEST(GridSample, NotANumberReadsNothing) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  for (const GridPadding padding : {GridPadding::kZeros, GridPadding::kBorder, GridPadding::kReflection})
    for (const ResizeMode mode : {ResizeMode::kNearest, ResizeMode::kLinear, ResizeMode::kCubic})
      for (float bad : {nan, inf, -inf, 1e30f}) EXPECT_EQ(Sample({mode, padding}, {bad}).size(), 1u);
}

TEST(GridSample, Volumes) {
  const TestTensor x = TestTensor::Of({1, 1, 2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  // x, y, z: the corner (1, 0, 0), the centre of all.
  const TestTensor grid = TestTensor::Of({1, 1, 1, 2, 3}, {1, -1, -1, 0, 0, 0});
  const TestInput inputs[] = {{&x}, {&grid}};
  EXPECT_EQ(RunReferenceOf(GridSample{.align_corners = true}, inputs).Values(), (std::vector<float>{1, 3.5f}));
}

TEST(GridSample, RefusesWhatDoesNotFit) {
  const TestTensor x = TestTensor::Dense({1, 1, 2, 2}), three = TestTensor::Dense({1, 2, 2, 3});
  const TestTensor batch = TestTensor::Dense({2, 2, 2, 2}), empty = TestTensor::Dense({1, 1, 0, 2});
  const TestTensor grid = TestTensor::Dense({1, 2, 2, 2});
  for (const TestInput& bad : {TestInput{&three}, TestInput{&batch}}) {
    const TestInput inputs[] = {{&x}, bad};
    EXPECT_EQ(InferOne(GridSample{}, inputs).error().code, ErrorCode::kShapeMismatch);
  }
  const TestInput nothing[] = {{&empty}, {&grid}};
  EXPECT_EQ(InferOne(GridSample{}, nothing).error().code, ErrorCode::kShapeMismatch);
}

}  // namespace
}  // namespace decal
