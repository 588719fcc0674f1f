// The second pass: where it looks, and that its matte replaces the first one only there and only where both agree.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/second_pass.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace decal {
namespace {

constexpr Extent kCells{32, 32};

std::vector<float> Matte(float value) {
  return std::vector<float>(static_cast<size_t>(kCells.width * kCells.height), value);
}

// 1 where the centre of a cell lies in `box`; both in pixels of the whole picture.
std::vector<float> Show(const Box& box, const Box& seen) {
  std::vector<float> matte = Matte(0);
  for (int y = 0; y < kCells.height; ++y) {
    for (int x = 0; x < kCells.width; ++x) {
      const double at_x = seen.x + (x + 0.5) * seen.width / kCells.width,
                   at_y = seen.y + (y + 0.5) * seen.height / kCells.height;
      const bool inside = at_x >= box.x && at_x < box.x + box.width && at_y >= box.y && at_y < box.y + box.height;
      matte[static_cast<size_t>(y * kCells.width + x)] = inside ? 1.0f : 0.0f;
    }
  }
  return matte;
}

MatteView View(const std::vector<float>& matte) { return {matte.data(), kCells.width, kCells.height}; }

TEST(SecondPassTest, LooksAroundASmallSubject) {
  const Box view = ChooseCloserView({1000, 800}, {400, 300, 150, 200}, kCells);
  // A margin of 0.15 of the longer side, and what is left of cells of 31.25 by 25 pixels.
  EXPECT_EQ(view, (Box{11, 10, 8, 12}));
  EXPECT_EQ(PixelsUnder(view, kCells, {1000, 800}), (Box{344, 250, 250, 300}));
}

TEST(SecondPassTest, NoneWithoutASubjectAroundALargeOneOrInATinyPicture) {
  EXPECT_EQ(ChooseCloserView({1000, 800}, {}, kCells), Box{});
  EXPECT_EQ(ChooseCloserView({1000, 800}, {100, 100, 800, 600}, kCells), Box{});
  EXPECT_EQ(ChooseCloserView({1000, 15}, {100, 5, 20, 5}, kCells), Box{});
  EXPECT_EQ(ChooseCloserView({1, 1}, {0, 0, 1, 1}, kCells), Box{});
}

TEST(SecondPassTest, AnyViewLiesInItsPictureAndHoldsTheSubject) {
  std::mt19937 random(7);
  const auto pick = [&](int least, int most) { return std::uniform_int_distribution<int>(least, most)(random); };
  int found = 0;
  for (int i = 0; i < 20000; ++i) {
    const Extent picture{pick(32, i % 2 ? 60 : 5000), pick(32, i % 3 ? 90 : 4000)};
    const int x = pick(0, picture.width - 1), y = pick(0, picture.height - 1);
    const Box subject{x, y, pick(1, picture.width - x), pick(1, picture.height - y)};
    const Box cells = ChooseCloserView(picture, subject, kCells), pixels = PixelsUnder(cells, kCells, picture);
    if (cells == Box{}) continue;
    ++found;
    ASSERT_GE(pixels.x, 0);
    ASSERT_GE(pixels.y, 0);
    ASSERT_GT(pixels.width, 0);
    ASSERT_GT(pixels.height, 0);
    ASSERT_LE(pixels.x + pixels.width, picture.width);
    ASSERT_LE(pixels.y + pixels.height, picture.height);
    ASSERT_GE(cells.x, 0);
    ASSERT_GE(cells.y, 0);
    ASSERT_LE(cells.x + cells.width, kCells.width);
    ASSERT_LE(cells.y + cells.height, kCells.height);
    // To a pixel.
    ASSERT_LE(pixels.x, subject.x + 1);
    ASSERT_GE(pixels.x + pixels.width, subject.x + subject.width - 1);
    ASSERT_LE(pixels.y, subject.y + 1);
    ASSERT_GE(pixels.y + pixels.height, subject.y + subject.height - 1);
  }
  EXPECT_GT(found, 5000);
}

TEST(SecondPassTest, WhatBothPassesSayReplacesTheFirstInThatPartAlone) {
  const Extent picture{1000, 1000};
  const Box subject{375, 375, 250, 250};
  std::vector<float> matte = Show(subject, {0, 0, 1000, 1000});
  for (float& value : matte) value = 0.2f + 0.6f * value;  // not as sure as the second pass
  const Box part = ChooseCloserView(picture, subject, kCells);
  ASSERT_NE(part, Box{});
  const std::vector<float> second = Show(subject, PixelsUnder(part, kCells, picture));
  JoinPasses(matte, kCells, part, View(second));
  const auto at = [&](int x, int y) { return matte[static_cast<size_t>(y * kCells.width + x)]; };
  EXPECT_FLOAT_EQ(at(0, 0), 0.2f);
  EXPECT_FLOAT_EQ(at(part.x - 1, 16), 0.2f);
  EXPECT_GT(at(16, 16), 0.97f);
  EXPECT_LT(at(part.x + 1, 16), 0.2f) << "doubted more by the second pass";
  EXPECT_GT(at(part.x, part.y), 0.1f) << "where the part ends it fades in";
  EXPECT_LE(*std::ranges::max_element(matte), 1.0f);
  EXPECT_GE(*std::ranges::min_element(matte), 0.0f);
}

// Half of the subject's right part is the second pass's alone, or the first's alone: never something between.
TEST(SecondPassTest, WherePassesContradictEachOtherTheSurerOneDecides) {
  const Box whole{0, 0, kCells.width, kCells.height};
  const auto half = [](float left, float right) {
    std::vector<float> matte = Matte(left);
    for (int y = 0; y < kCells.height / 4; ++y)
      for (int x = 3 * kCells.width / 4; x < kCells.width; ++x)
        matte[static_cast<size_t>(y * kCells.width + x)] = right;
    return matte;
  };
  const auto corner = [&](float first, float second) {
    std::vector<float> matte = half(0.99f, first);
    JoinPasses(matte, kCells, whole, View(half(0.99f, second)));
    return matte[static_cast<size_t>(kCells.width - 1)];
  };
  EXPECT_FLOAT_EQ(corner(1, 0), 1) << "equally sure: the first";
  EXPECT_FLOAT_EQ(corner(0, 1), 0);
  EXPECT_NEAR(corner(0.9f, 0.02f), 0.02f, 1e-6f);
  EXPECT_NEAR(corner(0.02f, 0.9f), 0.02f, 1e-6f);
  EXPECT_NEAR(corner(0.6f, 0.4f), 0.5f, 0.01f) << "doubts are averaged";
}

TEST(SecondPassTest, MattesThatAgreeAreNotChanged) {
  std::vector<float> matte = Matte(0.7f);
  JoinPasses(matte, kCells, {4, 6, 20, 11}, View(Matte(0.7f)));
  for (const float value : matte) ASSERT_NEAR(value, 0.7f, 0.002f);
}

TEST(SecondPassTest, AnotherSubjectIsNotBelieved) {
  const Extent picture{320, 320};
  const Box subject{40, 40, 80, 80};
  const Box part = ChooseCloserView(picture, subject, kCells);
  ASSERT_NE(part, Box{});
  const std::vector<float> first = Show(subject, {0, 0, 320, 320});
  for (const std::vector<float>& second :
       {Matte(0), Matte(1), Show({40, 40, 20, 80}, PixelsUnder(part, kCells, picture))}) {
    std::vector<float> matte = first;
    JoinPasses(matte, kCells, part, View(second));
    EXPECT_EQ(matte, first);
  }
  std::vector<float> nothing = Matte(0.4f);
  JoinPasses(nothing, kCells, part, View(Matte(0.1f)));
  EXPECT_EQ(nothing, Matte(0.4f)) << "neither shows one";
}

}  // namespace
}  // namespace decal
