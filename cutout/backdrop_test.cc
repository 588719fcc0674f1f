// What is put behind cut-outs: every pixel by the plain formula, and a blurred background that knows nothing of its subject.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "decal/backdrop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "cutout/test_picture.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using testing::Rgba;
using testing::TestPicture;

TEST(PutBehindTest, EveryPixelIsTheCutOutOverThePicture) {
  testing::ForEachSimdTarget([] {
    for (int width = 1; width <= 70; ++width) {
      const TestPicture before = TestPicture::Random(width, 3, static_cast<uint32_t>(width), 5);
      const TestPicture behind = TestPicture::Random(width, 3, 99, 3);
      TestPicture after = before;
      ASSERT_TRUE(PutBehind(behind.view(), after.mutable_view(), SerialRunner()).has_value());
      ASSERT_TRUE(after.PaddingIntact());
      for (int y = 0; y < 3; ++y) {
        for (int x = 0; x < width; ++x) {
          const Rgba front = before.at(x, y), back = behind.at(x, y), pixel = after.at(x, y);
          ASSERT_EQ(pixel[3], 255);
          for (size_t c = 0; c < 3; ++c)
            ASSERT_NEAR(pixel[c], (front[c] * front[3] + back[c] * (255 - front[3])) / 255.0, 0.501) << width;
          if (front[3] == 0) ASSERT_TRUE(std::equal(&back[0], &back[3], &pixel[0]));
        }
      }
    }
  });
}

TEST(PutBehindTest, APictureOfHalfTheSizeIsEnlargedLinearly) {
  for (const auto& [width, height] : {std::pair(1, 1), std::pair(8, 6), std::pair(13, 7)}) {
    TestPicture half((width + 1) / 2, (height + 1) / 2);
    half.ForEach([](int x, int y) { return Rgba{static_cast<uint8_t>(32 * x), static_cast<uint8_t>(16 * y), 200, 0}; });
    TestPicture cutout = TestPicture::Filled(width, height, {0, 0, 0, 0}, 9);
    ASSERT_TRUE(PutBehind(half.view(), cutout.mutable_view(), SerialRunner()).has_value());
    ASSERT_TRUE(cutout.PaddingIntact());
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const double column = std::clamp((x + 0.5) / 2 - 0.5, 0.0, half.width() - 1.0);
        const double row = std::clamp((y + 0.5) / 2 - 0.5, 0.0, half.height() - 1.0);
        const Rgba pixel = cutout.at(x, y);
        EXPECT_NEAR(pixel[0], 32 * column, 0.6) << x << " of " << width;
        EXPECT_NEAR(pixel[1], 16 * row, 0.6) << y << " of " << height;
        EXPECT_EQ(pixel[2], 200);
        EXPECT_EQ(pixel[3], 255);
      }
    }
  }
}

TEST(PutBehindTest, OtherSizesAreRefused) {
  TestPicture cutout(10, 10);
  const TestPicture behind(10, 9), small(5, 4), fits(5, 5);
  const auto text = [&](ImageView view, MutableImageView to) {
    const Status put = PutBehind(view, to, SerialRunner());
    return put ? std::string("taken") : put.error().ToString();
  };
  for (const ImageView view : {behind.view(), small.view()})
    EXPECT_EQ(text(view, cutout.mutable_view()),
              "what lies behind has neither the cut-out's size nor half of it (invalid-argument)");
  EXPECT_EQ(text(fits.view(), cutout.mutable_view()), "taken");
  EXPECT_EQ(text({}, cutout.mutable_view()), "the picture is empty (invalid-argument)");
  EXPECT_EQ(text(fits.view(), {}), "the picture is empty (invalid-argument)");
}

// The blurred background, at half the size.
std::vector<Rgba> Blurred(const TestPicture& picture, const std::vector<float>& matte, float sigma,
                          ThreadRunner& runner = SerialRunner()) {
  BackgroundBlur blur;
  const auto view = blur.Next(picture.view(), {matte.data(), picture.width(), picture.height()}, sigma, runner);
  EXPECT_TRUE(view.has_value()) << view.error().ToString();
  if (!view) return {};
  EXPECT_EQ(view->width, (picture.width() + 1) / 2);
  EXPECT_EQ(view->height, (picture.height() + 1) / 2);
  std::vector<Rgba> pixels;
  for (int y = 0; y < view->height; ++y) {
    for (int x = 0; x < view->width; ++x) {
      const uint8_t* p = view->row(y) + 4 * x;
      pixels.push_back({p[0], p[1], p[2], p[3]});
    }
  }
  return pixels;
}

TEST(BackgroundBlurTest, TheSubjectLeavesNoGlow) {
  // A red disc in a green room; the matte is true.
  TestPicture picture(161, 121);
  const auto inside = [](int x, int y) { return (x - 80) * (x - 80) + (y - 60) * (y - 60) < 1600; };
  picture.ForEach([&](int x, int y) { return inside(x, y) ? Rgba{250, 0, 0, 255} : Rgba{20, 180, 60, 255}; });
  std::vector<float> matte;
  for (int y = 0; y < 121; ++y) {
    for (int x = 0; x < 161; ++x) matte.push_back(inside(x, y) ? 1.0f : 0.0f);
  }
  for (const float sigma : {1.0f, 3.0f, 12.0f, 100.0f}) {
    const std::vector<Rgba> pixels = Blurred(picture, matte, sigma);
    for (int y = 0; y < 61; ++y) {
      for (int x = 0; x < 81; ++x) {
        // Pixels of its edge count a little; those in it are covered.
        if (inside(2 * x, 2 * y) || inside(2 * x + 1, 2 * y) || inside(2 * x, 2 * y + 1) ||
            inside(2 * x + 1, 2 * y + 1))
          continue;
        const Rgba& pixel = pixels[static_cast<size_t>(y) * 81 + static_cast<size_t>(x)];
        ASSERT_NEAR(pixel[0], 20, 30) << sigma << " at " << x << ", " << y;  // of a difference of 230
        ASSERT_NEAR(pixel[1], 180, 30) << sigma;
        ASSERT_NEAR(pixel[2], 60, 30) << sigma;
        ASSERT_EQ(pixel[3], 255);
      }
    }
    EXPECT_NEAR(pixels[0][0], 20, sigma < 100 ? 1 : 30);
  }
}

TEST(BackgroundBlurTest, IsAboutAsWideAsAsked) {
  const std::vector<float> matte(1024 * 8, 0.0f);
  for (const int halvings : {2, 3, 4, 5, 6}) {
    const float sigma = 0.58f * static_cast<float>(1 << halvings);
    // Steps at all places with regard to the cells of the last halving.
    double sum = 0;
    int places = 0;
    for (int edge = 512; edge < 512 + (1 << halvings); edge += 1 + (1 << halvings) / 16, ++places) {
      TestPicture picture(1024, 8);
      picture.ForEach([&](int x, int) { return x < edge ? Rgba{0, 0, 0, 255} : Rgba{255, 255, 255, 255}; });
      const std::vector<Rgba> pixels = Blurred(picture, matte, sigma);
      // Of a Gaussian's step, 68 % lie within sigma on both sides.
      sum +=
          2.0 * static_cast<double>(std::ranges::count_if(pixels.begin(), pixels.begin() + 512, [](const Rgba& pixel) {
            return pixel[0] > 0.16 * 255 && pixel[0] < 0.84 * 255;
          }));
    }
    EXPECT_NEAR(sum / places, double{2 * sigma}, 0.3 * double{sigma} + 1) << sigma;
  }
}

TEST(BackgroundBlurTest, ASubjectThatFillsTheFrameAndOneThatIsNotAreBothFine) {
  const TestPicture picture = TestPicture::Filled(33, 18, {200, 100, 50, 255});
  for (const float value : {1.0f, std::numeric_limits<float>::quiet_NaN(), -3.0f, 0.5f}) {
    for (const Rgba& pixel : Blurred(picture, std::vector<float>(33 * 18, value), 12)) {
      EXPECT_EQ(pixel[3], 255);
      if (value != 1.0f) EXPECT_NEAR(pixel[0], 200, 1) << value;
    }
  }
}

TEST(BackgroundBlurTest, IsTheSameForAnyNumberOfThreadsAndForEachFrame) {
  const TestPicture picture = TestPicture::Random(203, 151, 5);
  std::vector<float> matte;
  for (int i = 0; i < 203 * 151; ++i) matte.push_back(static_cast<float>(i % 17) / 16);
  const std::vector<Rgba> expected = Blurred(picture, matte, 9);
  const auto pool = MakeThreadPool(3);
  EXPECT_EQ(Blurred(picture, matte, 9, *pool), expected);
  BackgroundBlur blur;
  const MatteView view = {matte.data(), 203, 151};
  const TestPicture other = TestPicture::Random(64, 1, 6);
  for (int turn = 0; turn < 2; ++turn) {
    const auto again = blur.Next(picture.view(), view, 9, *pool);
    ASSERT_TRUE(again.has_value());
    EXPECT_TRUE(std::equal(again->data, again->data + 4 * expected.size(), expected.front().data()));
    ASSERT_TRUE(blur.Next(other.view(), view, 90, *pool).has_value());
  }
  EXPECT_GT(blur.memory_bytes(), 0u);
}

TEST(BackgroundBlurTest, WhatMakesNoSenseIsRefused) {
  const TestPicture picture = TestPicture::Filled(8, 8, {1, 2, 3, 255});
  const std::vector<float> values(64, 0.0f);
  BackgroundBlur blur;
  const auto text = [&](ImageView view, MatteView matte, float sigma) {
    const auto made = blur.Next(view, matte, sigma, SerialRunner());
    return made ? std::string("made") : made.error().ToString();
  };
  const MatteView matte = {values.data(), 8, 8};
  EXPECT_EQ(text({}, matte, 5), "the picture is empty (invalid-argument)");
  EXPECT_EQ(text(picture.view(), {values.data(), 8, 0}, 5), "the matte is empty (invalid-argument)");
  for (const float sigma : {0.0f, 0.9f, 101.0f, std::numeric_limits<float>::quiet_NaN()})
    EXPECT_EQ(text(picture.view(), matte, sigma), "sigma is not within 1 and 100 (invalid-argument)");
  EXPECT_EQ(text(picture.view(), matte, 1), "made");
}

}  // namespace
}  // namespace decal
