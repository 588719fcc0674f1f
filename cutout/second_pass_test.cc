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

std::vector<float> Matte(float value) { return std::vector<float>(static_cast<size_t>(kCells.width * kCells.height), value); }

// 1 where the centre of a cell lies in `box`; both in pixels of the whole picture.
std::vector<float> Show(const Box& box, const Box& seen) {
  std::vector<float> matte = Matte(0);
  for (int y = 0; y < kCells.height; ++y) {
    for (int x = 0; x < kCells.width; ++x) {
      const double at_x = seen.x + (x + 0.5) * seen.width / kCells.width, at_y = seen.y + (y + 0.5) * seen.height / kCells.height;
      const bool inside = at_x >= box.x && at_x < box.x + box.width && at_y >= box.y && at_y < box.y + box.height;
      matte[static_cast<size_t>(y * kCells.width + x)] = inside ? 1.0f : 0.0f;
    }
  }
  return matte;
}

MatteView View(const std::vector<float>& matte) { return {matte.data(), kCells.width, kCells.height}; }

TEST(SecondPassTest, LooksAroundASmallSubject) {
  const Extent picture{1000, 800};
  const Box subject{400, 300, 150, 200};
  const auto view = ChooseCloserView(picture, subject, kCells);
  ASSERT_TRUE(view);
  // A margin of 0.15 of the longer side.
  EXPECT_LE(view->box.x, 400 - 30 + 1);
  EXPECT_LE(view->box.y, 300 - 30 + 1);
  EXPECT_GE(view->box.x + view->box.width, 550 + 30 - 1);
  EXPECT_GE(view->box.y + view->box.height, 500 + 30 - 1);
  EXPECT_LT(view->box.width, 400);
  EXPECT_LT(view->box.height, 400);
}

TEST(SecondPassTest, NoneWithoutASubjectOrAroundALargeOne) {
  EXPECT_FALSE(ChooseCloserView({1000, 800}, {}, kCells));
  EXPECT_FALSE(ChooseCloserView({1000, 800}, {100, 100, 800, 600}, kCells));
  EXPECT_FALSE(ChooseCloserView({1, 1}, {0, 0, 1, 1}, kCells));
}

TEST(SecondPassTest, AnyBoxLiesInItsPictureAndInTheWhole) {
  std::mt19937 random(7);
  const auto pick = [&](int least, int most) { return std::uniform_int_distribution<int>(least, most)(random); };
  int found = 0;
  for (int i = 0; i < 20000; ++i) {
    const Extent picture{pick(1, i % 2 ? 40 : 5000), pick(1, i % 3 ? 60 : 4000)};
    const int x = pick(0, picture.width - 1), y = pick(0, picture.height - 1);
    const Box subject{x, y, pick(1, picture.width - x), pick(1, picture.height - y)};
    const auto view = ChooseCloserView(picture, subject, kCells);
    if (!view) continue;
    ++found;
    ASSERT_GE(view->box.x, 0);
    ASSERT_GE(view->box.y, 0);
    ASSERT_GT(view->box.width, 0);
    ASSERT_GT(view->box.height, 0);
    ASSERT_LE(view->box.x + view->box.width, picture.width);
    ASSERT_LE(view->box.y + view->box.height, picture.height);
    ASSERT_GE(view->x, 0);
    ASSERT_GE(view->y, 0);
    ASSERT_LE(view->x + kCells.width, view->whole.width);
    ASSERT_LE(view->y + kCells.height, view->whole.height);
    ASSERT_LE(view->whole.width, 4 * kCells.width);
    // The subject is inside, to a pixel.
    ASSERT_LE(view->box.x, subject.x + 1);
    ASSERT_GE(view->box.x + view->box.width, subject.x + subject.width - 1);
    ASSERT_LE(view->box.y, subject.y + 1);
    ASSERT_GE(view->box.y + view->box.height, subject.y + subject.height - 1);
  }
  EXPECT_GT(found, 5000);
}

TEST(SecondPassTest, TheCloserMatteIsFinerWhereTheSubjectIs) {
  const Extent picture{1000, 1000};
  const Box whole{0, 0, 1000, 1000}, subject{400, 400, 210, 210};
  std::vector<float> first = Show(subject, whole);
  for (float& value : first) value = 0.2f + 0.6f * value;  // not as sure as the second pass
  const auto part = ChooseCloserView(picture, subject, kCells);
  ASSERT_TRUE(part);
  CloserMatte matte = *CloserMatte::Create(*part, View(first));
  const std::vector<float> second = Show(subject, part->box);
  ASSERT_TRUE(matte.Add(View(second)));
  const MatteView joined = matte.view();
  ASSERT_GT(joined.width, 2 * kCells.width);
  EXPECT_EQ(joined.width, part->whole.width);
  // Cells of the joined matte are those of the second pass: the subject is right to one of them.
  int wrong = 0;
  for (int y = 0; y < joined.height; ++y) {
    for (int x = 0; x < joined.width; ++x) {
      const double at_x = (x + 0.5) * 1000 / joined.width, at_y = (y + 0.5) * 1000 / joined.height;
      const bool inside = at_x >= 400 && at_x < 610 && at_y >= 400 && at_y < 610;
      wrong += (joined.data[y * joined.width + x] >= 0.5f) != inside;
    }
  }
  EXPECT_LE(wrong, 2 * (joined.width * 210 / 1000));
  // Around it, what the first pass thinks possible is nearly ruled out; far from it nobody has looked again.
  EXPECT_LT(joined.data[(part->y + 3) * joined.width + part->x + 3], 0.05f);
  EXPECT_FLOAT_EQ(joined.data[0], 0.2f);
}

TEST(SecondPassTest, OutsideOfThePartTheFirstPassStands) {
  const Extent picture{320, 320};
  const auto part = ChooseCloserView(picture, {40, 40, 40, 40}, kCells);
  ASSERT_TRUE(part);
  std::vector<float> first = Show({40, 40, 40, 40}, {0, 0, 320, 320});
  for (float& value : first) value = std::max(value, 0.25f);
  CloserMatte matte = *CloserMatte::Create(*part, View(first));
  std::vector<float> second = Show({40, 40, 40, 40}, part->box);
  ASSERT_TRUE(matte.Add(View(second)));
  const MatteView joined = matte.view();
  const auto at = [&](int x, int y) { return joined.data[y * joined.width + x]; };
  EXPECT_FLOAT_EQ(at(joined.width - 1, joined.height - 1), 0.25f);
  // Inside, away from its sides, what both say; at its sides mostly the first one.
  EXPECT_LT(at(part->x + 4, part->y + 16), 0.05f);
  EXPECT_GT(at(part->x, part->y + 16), 0.1f);
}

TEST(SecondPassTest, AnotherSubjectIsNotBelieved) {
  const Extent picture{320, 320};
  const auto part = ChooseCloserView(picture, {40, 40, 60, 60}, kCells);
  ASSERT_TRUE(part);
  const std::vector<float> first = Show({40, 40, 60, 60}, {0, 0, 320, 320});
  for (const std::vector<float>& second : {Matte(0), Show({40, 40, 20, 60}, part->box)}) {
    CloserMatte matte = *CloserMatte::Create(*part, View(first));
    ASSERT_TRUE(matte.Add(View(second)));
    const MatteView kept = matte.view();
    ASSERT_EQ(kept.width, kCells.width);
    EXPECT_TRUE(std::equal(first.begin(), first.end(), kept.data));
  }
}

}  // namespace
}  // namespace decal
