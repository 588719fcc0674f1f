// Planes of alpha: outlines move by what was asked for, jags go, shadows lie below, and threads do not matter.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/alpha_plane.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "cutout/shadow.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

template <class Fn>
AlphaPlane MakePlaneOf(int width, int height, const Fn& fn) {
  AlphaPlane plane = *AlphaPlane::Create({width, height});
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) plane.row(y)[x] = fn(x, y);
  }
  return plane;
}

uint8_t HalfPlane(int x, int) { return x < 40 ? 255 : 0; }

// Where the outline of a row is: the sum of its alpha.
double Covered(const AlphaPlane& plane, int y) {
  double sum = 0;
  for (int x = 0; x < plane.width; ++x) sum += plane.row(y)[x];
  return sum / 255;
}

std::vector<uint8_t> BytesOf(const AlphaPlane& plane) {
  return {plane.row(0), plane.row(0) + static_cast<ptrdiff_t>(plane.width) * plane.height};
}

TEST(AlphaPlaneTest, OutlinesMoveByPartsOfAPixel) {
  for (const float pixels : {0.25f, 0.5f, 1.0f, 1.5f, 3.75f, 4.0f, 6.5f, 20.0f, -0.5f, -1.25f, -7.0f, -30.0f}) {
    AlphaPlane plane = MakePlaneOf(96, 9, HalfPlane);
    ASSERT_TRUE(GrowPlane(plane, pixels, SerialRunner()));
    for (int y = 0; y < 9; ++y) EXPECT_NEAR(Covered(plane, y), 40 + pixels, 0.01) << pixels << ", row " << y;
  }
}

TEST(AlphaPlaneTest, ADiscGrowsToADisc) {
  const auto disc = [](float radius) {
    return MakePlaneOf(121, 121, [=](int x, int y) {
      const float inside =
          std::clamp(radius + 0.5f - std::hypot(static_cast<float>(x - 60), static_cast<float>(y - 60)), 0.0f, 1.0f);
      return static_cast<uint8_t>(255 * inside + 0.5f);
    });
  };
  for (const auto& [from, by] : {std::pair{20.0f, 2.5f}, {20.0f, 12.0f}, {30.0f, -10.0f}}) {
    AlphaPlane plane = disc(from);
    const AlphaPlane wanted = disc(from + by);
    ASSERT_TRUE(GrowPlane(plane, by, SerialRunner()));
    double grown = 0, exact = 0;
    for (int y = 0; y < 121; ++y) grown += Covered(plane, y), exact += Covered(wanted, y);
    EXPECT_NEAR(std::sqrt(grown / M_PI), std::sqrt(exact / M_PI), 0.6) << from << " by " << by;
  }
}

TEST(AlphaPlaneTest, ThePicturesBorderIsNoEdge) {
  AlphaPlane plane = MakePlaneOf(30, 30, [](int, int) { return uint8_t{255}; });
  ASSERT_TRUE(GrowPlane(plane, -5, SerialRunner()));
  for (const uint8_t alpha : BytesOf(plane)) ASSERT_EQ(alpha, 255);
}

TEST(AlphaPlaneTest, SmoothingKeepsStraightEdgesAndTakesJags) {
  AlphaPlane straight = MakePlaneOf(96, 40, HalfPlane);
  ASSERT_TRUE(SmoothPlane(straight, 4, SerialRunner()));
  for (int y = 0; y < 40; ++y) {
    EXPECT_NEAR(Covered(straight, y), 40, 0.02);
    EXPECT_EQ(straight.row(y)[37], 255);
    EXPECT_EQ(straight.row(y)[42], 0);
  }
  // Teeth of two pixels, every four rows.
  AlphaPlane jagged = MakePlaneOf(96, 80, [](int x, int y) { return HalfPlane(x + (y / 2 % 2 == 0 ? 1 : -1), 0); });
  ASSERT_TRUE(SmoothPlane(jagged, 5, SerialRunner()));
  for (int y = 10; y < 70; ++y) EXPECT_NEAR(Covered(jagged, y), 40, 0.25) << y;
}

TEST(AlphaPlaneTest, ThreadsAndSizesDoNotMatter) {
  std::mt19937 random(testing::TestSeed(11));
  for (const auto& [width, height] : {std::pair{1, 1}, {1, 70}, {70, 1}, {3, 5}, {67, 41}}) {
    const auto noise = [&](int, int) {
      return static_cast<uint8_t>(random() % 3 == 0 ? random() : random() % 2 * 255);
    };
    const AlphaPlane source = MakePlaneOf(width, height, noise);
    for (const float pixels : {0.5f, 3.0f, 9.5f}) {
      std::vector<uint8_t> first[3];
      for (const size_t threads : {1, 3, 8}) {
        const auto pool = MakeThreadPool(threads);
        for (size_t kind = 0; kind < 3; ++kind) {
          AlphaPlane plane = MakePlaneOf(width, height, [&](int x, int y) { return source.row(y)[x]; });
          ASSERT_TRUE(kind == 0 ? SmoothPlane(plane, pixels, *pool)
                                : GrowPlane(plane, kind == 1 ? pixels : -pixels, *pool));
          if (threads == 1) first[kind] = BytesOf(plane);
          ASSERT_EQ(BytesOf(plane), first[kind])
              << width << " x " << height << ", " << pixels << ", " << threads << " threads";
        }
      }
    }
  }
}

// Dilation as it is defined, a pixel at a time.
TEST(AlphaPlaneTest, GrowingIsTheDefinition) {
  std::mt19937 random(testing::TestSeed(12));
  const AlphaPlane source =
      MakePlaneOf(40, 30, [&](int, int) { return static_cast<uint8_t>(random() % 4 == 0 ? random() : 0); });
  AlphaPlane plane = MakePlaneOf(40, 30, [&](int x, int y) { return source.row(y)[x]; });
  constexpr float kRadius = 2.25f;
  ASSERT_TRUE(GrowPlane(plane, kRadius, SerialRunner()));
  for (int y = 0; y < 30; ++y) {
    for (int x = 0; x < 40; ++x) {
      uint32_t most = 0;
      for (int v = 0; v < 30; ++v) {
        for (int u = 0; u < 40; ++u) {
          const double share =
              std::clamp(kRadius + 1 - std::sqrt(static_cast<double>((x - u) * (x - u) + (y - v) * (y - v))), 0.0, 1.0);
          most = std::max(most, (source.row(v)[u] * static_cast<uint32_t>(share * 256 + 0.5) + 128) >> 8);
        }
      }
      ASSERT_EQ(plane.row(y)[x], most) << x << ", " << y;
    }
  }
}

TEST(ShadowTest, LiesOnTheGroundBelowTheSubject) {
  const AlphaPlane plane = MakePlaneOf(
      400, 300, [](int x, int y) { return static_cast<uint8_t>(x >= 150 && x < 250 && y >= 50 && y < 220 ? 255 : 0); });
  const Shadow shadow = *CastShadow(plane, 0.5f, SerialRunner());
  ASSERT_EQ(shadow.view.width, 384);
  const auto at = [&](int x, int y) {  // in pixels of the plane
    return shadow.view.data[(y * shadow.view.height / 300) * shadow.view.width + x * shadow.view.width / 400];
  };
  EXPECT_GT(at(200, 221), 0.3f);
  EXPECT_LT(at(200, 235), at(200, 221));
  EXPECT_EQ(at(200, 290), 0);
  EXPECT_EQ(at(200, 60), 0) << "not on what stands above the ground";
  EXPECT_EQ(at(20, 221), 0);
  for (int i = 0; i < shadow.view.width * shadow.view.height; ++i) ASSERT_LE(shadow.view.data[i], 0.5f);
  const AlphaPlane nothing = MakePlaneOf(20, 20, [](int, int) { return uint8_t{0}; });
  const Shadow none = *CastShadow(nothing, 1, SerialRunner());
  for (int i = 0; i < 400; ++i) ASSERT_EQ(none.view.data[i], 0);
}

TEST(ShadowTest, StaysBehindTheSubject) {
  const float darkness[] = {0.5f, 0.5f, 0.5f, 0};
  uint8_t pixels[] = {200, 100, 50, 255, 0, 0, 0, 0, 200, 100, 50, 128, 9, 9, 9, 7};
  PutShadowBehind(darkness, 4, pixels);
  const uint8_t wanted[] = {200, 100, 50, 255, 0, 0, 0, 128, 134, 67, 33, 192, 9, 9, 9, 7};
  for (size_t i = 0; i < sizeof(pixels); ++i) EXPECT_NEAR(pixels[i], wanted[i], 1) << i;
}

}  // namespace
}  // namespace decal
