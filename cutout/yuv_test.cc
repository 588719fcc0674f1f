// Frames of Y'CbCr against the plain formulas: every layout and matrix, any size, on every SIMD target.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "decal/yuv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "cutout/test_picture.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using testing::Rgba;
using testing::TestPicture;

constexpr YuvColours kMatrices[] = {{0.299, 0.114, false},
                                    {0.299, 0.114, true},
                                    {0.2126, 0.0722, false},
                                    {0.2126, 0.0722, true},
                                    {0.2627, 0.0593, false}};

// A frame of noise, its planes with room behind each row.
class TestFrame {
 public:
  TestFrame(int width, int height, bool half_width, bool half_height, int step, uint32_t seed) {
    std::mt19937 random(testing::TestSeed(seed));
    const int columns = half_width ? (width + 1) / 2 : width, rows = half_height ? (height + 1) / 2 : height;
    view_ = {.width = width,
             .height = height,
             .luma_stride = static_cast<size_t>(width) + 3,
             .chroma_stride = static_cast<size_t>(step * columns) + 5,
             .chroma_step = step,
             .half_width = half_width,
             .half_height = half_height};
    luma_.resize(view_.luma_stride * static_cast<size_t>(height));
    for (auto& plane : chroma_) plane.resize(view_.chroma_stride * static_cast<size_t>(rows));
    for (auto* plane : {&luma_, &chroma_[0], &chroma_[1]}) {
      for (uint8_t& sample : *plane) sample = static_cast<uint8_t>(random());
    }
    view_.luma = luma_.data();
    view_.cb = chroma_[0].data();
    view_.cr = step == 2 ? chroma_[0].data() + 1 : chroma_[1].data();
  }
  const YuvView& view() const { return view_; }

 private:
  YuvView view_;
  std::vector<uint8_t> luma_, chroma_[2];
};

// The samples around place `at` of the picture, and how much of the second there is.
struct Between {
  int first, second;
  double share;
};
Between PlaceOf(int at, bool half, int count) {
  if (!half) return {at, at, 0};
  const double place = (at + 0.5) / 2 - 0.5;
  const int below = static_cast<int>(std::floor(place));
  return {std::clamp(below, 0, count - 1), std::clamp(below + 1, 0, count - 1), place - below};
}

double ChromaAt(const YuvView& frame, const uint8_t* plane, int x, int y) {
  const Between column = PlaceOf(x, frame.half_width, frame.half_width ? (frame.width + 1) / 2 : frame.width);
  const Between row = PlaceOf(y, frame.half_height, frame.half_height ? (frame.height + 1) / 2 : frame.height);
  const auto sample = [&](int i, int j) {
    return double{static_cast<double>(
        plane[static_cast<size_t>(j) * frame.chroma_stride + static_cast<size_t>(i * frame.chroma_step)])};
  };
  const auto along = [&](int j) {
    return sample(column.first, j) * (1 - column.share) + sample(column.second, j) * column.share;
  };
  return along(row.first) * (1 - row.share) + along(row.second) * row.share - 128;
}

// ITU-R BT.601 and its successors.
std::array<double, 3> Expected(const YuvView& frame, const YuvColours& colours, int x, int y) {
  const double sample = frame.luma[static_cast<size_t>(y) * frame.luma_stride + static_cast<size_t>(x)];
  const double luma = colours.full_range ? sample : (sample - 16) * 255 / 219,
               range = colours.full_range ? 1 : 255.0 / 224;
  const double cb = frame.cb ? ChromaAt(frame, frame.cb, x, y) * range : 0,
               cr = frame.cr ? ChromaAt(frame, frame.cr, x, y) * range : 0;
  const double red = luma + 2 * (1 - colours.red) * cr, blue = luma + 2 * (1 - colours.blue) * cb;
  const double green = (luma - colours.red * red - colours.blue * blue) / (1 - colours.red - colours.blue);
  return {std::clamp(red, 0.0, 255.0), std::clamp(green, 0.0, 255.0), std::clamp(blue, 0.0, 255.0)};
}

void ExpectConverted(const YuvView& frame, const YuvColours& colours, ThreadRunner& runner) {
  TestPicture picture(frame.width, frame.height, 7);
  const Status done = YuvToRgba(frame, colours, picture.mutable_view(), runner);
  ASSERT_TRUE(done.has_value()) << done.error().ToString();
  ASSERT_TRUE(picture.PaddingIntact());
  for (int y = 0; y < frame.height; ++y) {
    for (int x = 0; x < frame.width; ++x) {
      const Rgba pixel = picture.at(x, y);
      const auto expected = Expected(frame, colours, x, y);
      ASSERT_EQ(pixel[3], 255);
      for (size_t c = 0; c < 3; ++c)
        ASSERT_NEAR(pixel[c], expected[c], 0.6)
            << "channel " << c << " at " << x << ", " << y << " of " << frame.width << " x " << frame.height;
    }
  }
}

TEST(YuvTest, EveryLayoutMatrixAndSize) {
  testing::ForEachSimdTarget([] {
    uint32_t seed = 1;
    for (const bool half_width : {true, false}) {
      for (const bool half_height : {true, false}) {
        for (const int step : {1, 2}) {
          for (const auto& [width, height] : {std::pair(1, 1), std::pair(2, 3), std::pair(67, 35), std::pair(130, 4)}) {
            const TestFrame frame(width, height, half_width, half_height, step, ++seed);
            ExpectConverted(frame.view(), kMatrices[seed % std::size(kMatrices)], SerialRunner());
            if (::testing::Test::HasFatalFailure()) return;
          }
        }
      }
    }
  });
}

TEST(YuvTest, ExtremesOfEveryMatrixDoNotWrapAround) {
  for (const YuvColours& colours : kMatrices) {
    for (int corner = 0; corner < 8; ++corner) {
      const uint8_t samples[3] = {static_cast<uint8_t>(corner & 1 ? 255 : 0),
                                  static_cast<uint8_t>(corner & 2 ? 255 : 0),
                                  static_cast<uint8_t>(corner & 4 ? 255 : 0)};
      const YuvView frame{1, 1, samples, 1, samples + 1, samples + 2, 1, 1, false, false};
      ExpectConverted(frame, colours, SerialRunner());
    }
  }
}

TEST(YuvTest, GreyHasNoChroma) {
  TestFrame frame(33, 5, true, true, 1, 9);
  YuvView grey = frame.view();
  grey.cb = grey.cr = nullptr;
  grey.chroma_stride = 0;
  ExpectConverted(grey, {0.299, 0.114, true}, SerialRunner());
}

TEST(YuvTest, BytesAreTheSameForAnyNumberOfThreadsAndInstructionSet) {
  const TestFrame frame(641, 259, true, true, 1, 3);
  TestPicture expected(641, 259);
  ASSERT_TRUE(YuvToRgba(frame.view(), {}, expected.mutable_view(), SerialRunner()).has_value());
  testing::ForEachSimdTarget([&] {
    for (const size_t threads : {1, 3}) {
      const auto pool = MakeThreadPool(threads);
      TestPicture picture(641, 259);
      ASSERT_TRUE(YuvToRgba(frame.view(), {}, picture.mutable_view(), *pool).has_value());
      ASSERT_EQ(picture.bytes(), expected.bytes());
    }
  });
}

TEST(YuvTest, WhatIsNoFrameIsRefused) {
  const TestFrame frame(16, 16, true, true, 1, 1);
  TestPicture picture(16, 16), other(16, 15);
  const auto refused = [&](auto change, const YuvColours& colours, MutableImageView to) {
    YuvView view = frame.view();
    change(view);
    const Status done = YuvToRgba(view, colours, to, SerialRunner());
    return done ? std::string("taken") : done.error().ToString();
  };
  const MutableImageView to = picture.mutable_view();
  EXPECT_EQ(refused([](YuvView& view) { view.luma = nullptr; }, {}, to), "the frame is empty (invalid-argument)");
  EXPECT_EQ(refused([](YuvView& view) { view.cr = nullptr; }, {}, to), "the frame is empty (invalid-argument)");
  EXPECT_EQ(refused([](YuvView& view) { view.luma_stride = 15; }, {}, to),
            "the frame's stride is less than a row of its samples (invalid-argument)");
  EXPECT_EQ(refused([](YuvView& view) { view.chroma_stride = 7; }, {}, to),
            "the frame's stride is less than a row of its samples (invalid-argument)");
  EXPECT_EQ(refused([](YuvView& view) { view.chroma_step = 0; }, {}, to),
            "the frame's stride is less than a row of its samples (invalid-argument)");
  EXPECT_EQ(refused([](YuvView&) {}, {}, other.mutable_view()), "frame and picture differ in size (invalid-argument)");
  EXPECT_EQ(refused([](YuvView&) {}, {}, {}), "the picture is empty (invalid-argument)");
  for (const double red : {0.0, 0.59, 2.0, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_EQ(refused([](YuvView&) {}, {red, 0.0722, false}, to),
              "shares of luma: red and blue leave too little to green (invalid-argument)");
}

}  // namespace
}  // namespace decal
