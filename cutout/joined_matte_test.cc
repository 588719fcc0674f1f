// Long pictures in parts: where they are, and that joining their mattes gives what they agree on.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/joined_matte.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace decal {
namespace {

TEST(JoinedMatteTest, PartsOnlyOfLongPictures) {
  EXPECT_EQ(PartCount({350, 100}), 1);
  EXPECT_EQ(PartCount({100, 350}), 1);
  EXPECT_EQ(PartCount({351, 100}), 4);
  EXPECT_EQ(PartCount({100, 400}), 4);
  EXPECT_EQ(PartCount({100000, 1}), 16);
}

TEST(JoinedMatteTest, PartsCoverThePictureAndOverlap) {
  for (const Extent picture : {Extent{351, 100}, {999, 100}, {100, 351}, {64, 5}, {3, 7000}, {10, 1}}) {
    const int count = PartCount(picture);
    const bool wide = picture.width > picture.height;
    ASSERT_GT(count, 1);
    int end = 0;
    for (int i = 0; i < count; ++i) {
      const Box box = PartOf(picture, i, count);
      const int begin = wide ? box.x : box.y, length = wide ? box.width : box.height;
      if (i == 0) EXPECT_EQ(begin, 0);
      if (i > 0) EXPECT_LE(begin, end - length / 4) << picture.width << " x " << picture.height;
      EXPECT_EQ(wide ? box.height : box.width, std::min(picture.width, picture.height));
      EXPECT_EQ(length, wide ? PartOf(picture, 0, count).width : PartOf(picture, 0, count).height);
      end = begin + length;
    }
    EXPECT_EQ(end, std::max(picture.width, picture.height));
  }
}

TEST(JoinedMatteTest, PartsThatAgreeAreNotChanged) {
  for (const bool wide : {true, false}) {
    const Extent picture = wide ? Extent{500, 100} : Extent{100, 500};
    const int count = PartCount(picture);
    JoinedMatte joined = *JoinedMatte::Create(picture, count, {30, 30});
    const std::vector<float> half(900, 0.5f);
    for (int i = 0; i < count; ++i) joined.Add(i, {half.data(), 30, 30});
    EXPECT_FLOAT_EQ(joined.Finish(), 0.5f);
    const MatteView view = joined.view();
    EXPECT_EQ(wide ? view.width : view.height, 100);
    EXPECT_EQ(wide ? view.height : view.width, 30);
    for (int i = 0; i < view.width * view.height; ++i) ASSERT_FLOAT_EQ(view.data[i], 0.5f);
  }
}

TEST(JoinedMatteTest, TheNearerPartCountsMore) {
  const Extent picture{225, 100};  // as two parts of 150
  JoinedMatte joined = *JoinedMatte::Create(picture, 2, {30, 20});
  const std::vector<float> nothing(600), everything(600, 1.0f);
  joined.Add(0, {everything.data(), 30, 20});
  joined.Add(1, {nothing.data(), 30, 20});
  joined.Finish();
  const MatteView view = joined.view();
  ASSERT_EQ(view.width, 45);
  for (int x = 1; x < 45; ++x) EXPECT_LE(view.data[x], view.data[x - 1]);
  EXPECT_EQ(view.data[14], 1.0f);
  EXPECT_NEAR(view.data[22], 0.5f, 0.05f);
  EXPECT_EQ(view.data[30], 0.0f);
}

}  // namespace
}  // namespace decal
