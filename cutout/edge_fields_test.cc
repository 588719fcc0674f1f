// Refined mattes and estimated colours: what they gain where the truth is known, and that nothing decides them but the input.
// SPDX-License-Identifier: MIT
#include "cutout/edge_fields.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "cutout/edge_rows.h"
#include "cutout/resample.h"
#include "cutout/test_picture.h"
#include "decal/cutout.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using testing::Rgba;
using testing::TestPicture;

struct SceneMatte {
  int width, height;
  std::vector<float> values;
  MatteView view() const { return {values.data(), width, height}; }
};

// A disc with a soft rim, mixed with noise around it, and its matte, reduced, hard and a little off as a network's is.
struct Scene {
  static constexpr int kWidth = 240, kHeight = 180;
  static constexpr float kFront[3] = {220, 60, 40};

  explicit Scene(float rim) {
    const TestPicture noise = TestPicture::Random(kWidth, kHeight, 7);
    picture.ForEach([&](int x, int y) {
      const float alpha = Alpha(x, y, 60, rim);
      const Rgba random = noise.at(x, y);
      const int levels[3] = {30 + random[0] / 16, 120 + random[1] / 8, 60 + random[2] / 16};
      const float back[3] = {static_cast<float>(levels[0]), static_cast<float>(levels[1]),
                             static_cast<float>(levels[2])};
      Rgba pixel{0, 0, 0, 255};
      for (size_t c = 0; c < 3; ++c) pixel[c] = static_cast<uint8_t>(kFront[c] * alpha + back[c] * (1 - alpha) + 0.5f);
      return pixel;
    });
    for (int y = 0; y < matte.height; ++y) {
      for (int x = 0; x < matte.width; ++x) matte.values.push_back(Alpha(4 * x + 2, 4 * y + 2, 61, 1));
    }
  }

  static float Alpha(int x, int y, float radius, float rim) {
    const float distance = std::hypot(static_cast<float>(x) - 120, static_cast<float>(y) - 90);
    return std::clamp((radius - distance) / rim + 0.5f, 0.0f, 1.0f);
  }

  TestPicture Cut(const CompositeOptions& options, ThreadRunner& runner = SerialRunner()) const {
    TestPicture out(kWidth, kHeight, 4);
    EXPECT_TRUE(Composite(picture.view(), matte.view(), options, out.mutable_view(), runner));
    EXPECT_TRUE(out.PaddingIntact());
    return out;
  }

  // The sum of what alpha is off, 0..1 a pixel.
  static float Error(const TestPicture& out, float rim) {
    float sum = 0;
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x)
        sum += std::abs(static_cast<float>(out.at(x, y)[3]) / 255 - Alpha(x, y, 60, rim));
    }
    return sum;
  }

  TestPicture picture{kWidth, kHeight};
  SceneMatte matte{60, 45, {}};
};

TEST(EdgeFieldsTest, AlphaFollowsThePicture) {
  for (const float rim : {1.0f, 5.0f}) {
    const Scene scene(rim);
    const float before = Scene::Error(scene.Cut({}), rim);
    for (const Refine refine : {Refine::kFast, Refine::kBest}) {
      EXPECT_LT(Scene::Error(scene.Cut({.refine = refine}), rim), 0.5f * before) << "rim " << rim;
    }
  }
}

TEST(EdgeFieldsTest, AMatteThatIsRightToAPartOfACellIsBelieved) {
  Scene scene(1);
  const auto mean = [](int x, int y) {
    float sum = 0;
    for (int i = 0; i < 16; ++i) sum += Scene::Alpha(4 * x + i % 4, 4 * y + i / 4, 60, 1);
    return sum / 16;
  };
  scene.matte.values.clear();
  for (int y = 0; y < scene.matte.height; ++y) {
    for (int x = 0; x < scene.matte.width; ++x) scene.matte.values.push_back(mean(x, y));
  }
  const float reduced = Scene::Error(scene.Cut({}), 1);
  for (const Refine refine : {Refine::kFast, Refine::kBest})
    EXPECT_LT(Scene::Error(scene.Cut({.refine = refine}), 1), 0.35f * reduced);
}

TEST(EdgeFieldsTest, MixedPixelsGetTheSubjectsColour) {
  const Scene scene(5);
  const auto error = [&](const TestPicture& out) {
    float sum = 0, count = 0;
    for (int y = 0; y < Scene::kHeight; ++y) {
      for (int x = 0; x < Scene::kWidth; ++x) {
        const float alpha = Scene::Alpha(x, y, 60, 5);
        if (alpha < 0.1f || alpha > 0.9f || out.at(x, y)[3] == 0) continue;
        for (size_t c = 0; c < 3; ++c) sum += std::abs(static_cast<float>(out.at(x, y)[c]) - Scene::kFront[c]);
        count += 3;
      }
    }
    EXPECT_GT(count, 1000);
    return sum / count;
  };
  const float before = error(scene.Cut({.refine = Refine::kFast}));
  EXPECT_LT(error(scene.Cut({.refine = Refine::kFast, .decontaminate = true})), 0.35f * before);
  EXPECT_LT(error(scene.Cut({.decontaminate = true})), 0.6f * before);
}

TEST(EdgeFieldsTest, ColoursAloneLeaveAlphaAsItIs) {
  const Scene scene(5);
  const TestPicture plain = scene.Cut({}), coloured = scene.Cut({.decontaminate = true});
  for (int y = 0; y < Scene::kHeight; ++y) {
    for (int x = 0; x < Scene::kWidth; ++x) {
      ASSERT_EQ(coloured.at(x, y)[3], plain.at(x, y)[3]) << x << ", " << y;
      if (plain.at(x, y)[3] == 255 || plain.at(x, y)[3] == 0) {
        for (size_t c = 0; c < 3; ++c) ASSERT_NEAR(coloured.at(x, y)[c], plain.at(x, y)[c], 2) << x << ", " << y;
      }
    }
  }
}

TEST(EdgeFieldsTest, MasksTakeNoColours) {
  const Scene scene(5);
  const CompositeOptions options{.mask_only = true, .refine = Refine::kFast, .decontaminate = true};
  const TestPicture mask = scene.Cut(options), cut = scene.Cut({.refine = Refine::kFast});
  for (int x = 0; x < Scene::kWidth; ++x) EXPECT_EQ(mask.at(x, 90)[0], cut.at(x, 90)[3]);
}

TEST(EdgeFieldsTest, WherePicturesSayNothingTheMatteStays) {
  Scene scene(1);
  scene.picture = TestPicture::Filled(Scene::kWidth, Scene::kHeight, {90, 90, 90, 255});
  const TestPicture plain = scene.Cut({}), refined = scene.Cut({.refine = Refine::kFast});
  for (int y = 0; y < Scene::kHeight; ++y) {
    // Sharp edges are made steeper by a third; the middle stays.
    for (int x = 0; x < Scene::kWidth; ++x) ASSERT_NEAR(refined.at(x, y)[3], plain.at(x, y)[3], 45) << x << ", " << y;
  }
}

TEST(EdgeFieldsTest, NothingDecidesButTheInput) {
  const Scene scene(5);
  const auto pool = MakeThreadPool(4);
  for (const Refine refine : {Refine::kOff, Refine::kFast, Refine::kBest}) {
    const CompositeOptions options{.refine = refine, .decontaminate = true};
    const TestPicture expected = scene.Cut(options);
    testing::ForEachSimdTarget([&] {
      ASSERT_EQ(scene.Cut(options).bytes(), expected.bytes());
      ASSERT_EQ(scene.Cut(options, *pool).bytes(), expected.bytes());
    });
    TestPicture in_place = scene.picture;
    ASSERT_TRUE(Composite(in_place.view(), scene.matte.view(), options, in_place.mutable_view(), *pool));
    for (int y = 0; y < Scene::kHeight; ++y) {
      for (int x = 0; x < Scene::kWidth; ++x) ASSERT_EQ(in_place.at(x, y), expected.at(x, y));
    }
  }
}

TEST(EdgeFieldsTest, AnySizeOfPictureAndMatte) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  std::mt19937 random(testing::TestSeed(3));
  for (const auto& [width, height] : {std::pair{1, 1}, {2, 2}, {1, 50}, {50, 1}, {3, 2}, {33, 64}, {97, 5}}) {
    for (const auto& [matte_width, matte_height] : {std::pair{1, 1}, {2, 2}, {7, 1}, {16, 9}, {100, 100}}) {
      SceneMatte matte{matte_width, matte_height, {}};
      for (int i = 0; i < matte_width * matte_height; ++i) {
        const uint32_t kind = random() % 8;
        matte.values.push_back(kind == 0   ? kNan
                               : kind == 1 ? kInfinity
                               : kind == 2 ? -1.0f
                                           : static_cast<float>(random() % 256) / 255);
      }
      const TestPicture picture = TestPicture::Random(width, height, random(), 12);
      for (const Refine refine : {Refine::kOff, Refine::kFast, Refine::kBest}) {
        TestPicture out(width, height, 4);
        ASSERT_TRUE(Composite(picture.view(), matte.view(), {.refine = refine, .decontaminate = true},
                              out.mutable_view(), SerialRunner()));
        EXPECT_TRUE(out.PaddingIntact());
        for (int y = 0; y < height; ++y) {
          for (int x = 0; x < width; ++x) {
            ASSERT_LE(out.at(x, y)[3], picture.at(x, y)[3]);
            if (out.at(x, y)[3] == 0) ASSERT_EQ(out.at(x, y), Rgba{});
          }
        }
      }
    }
  }
}

TEST(EdgeFieldsTest, NaNEverywhereIsNothing) {
  Scene scene(1);
  std::ranges::fill(scene.matte.values, std::numeric_limits<float>::quiet_NaN());
  const TestPicture out = scene.Cut({.refine = Refine::kBest, .decontaminate = true});
  EXPECT_EQ(out.at(120, 90), Rgba{});
}

TEST(ShapeTest, BackgroundAloneIsTheRest) {
  const Scene scene(5);
  const TestPicture front = scene.Cut({.refine = Refine::kFast});
  const TestPicture back = scene.Cut({.refine = Refine::kFast, .decontaminate = true, .background_only = true});
  for (int y = 0; y < Scene::kHeight; ++y) {
    for (int x = 0; x < Scene::kWidth; ++x) ASSERT_NEAR(front.at(x, y)[3] + back.at(x, y)[3], 255, 1) << x << ", " << y;
  }
  EXPECT_EQ(back.at(5, 5), scene.picture.at(5, 5));
  EXPECT_LT(back.at(120, 31)[0], 130) << "the subject's red is taken out of what is mixed";
}

TEST(ShapeTest, ThresholdLeavesNoSoftEdge) {
  const Scene scene(5);
  for (const float threshold : {0.0f, 0.25f, 0.5f, 1.0f}) {
    const TestPicture soft = scene.Cut({}), hard = scene.Cut({.threshold = threshold});
    int wrong = 0;
    for (int y = 0; y < Scene::kHeight; ++y) {
      for (int x = 0; x < Scene::kWidth; ++x) {
        const float alpha = static_cast<float>(soft.at(x, y)[3]) / 255;
        if (std::abs(alpha - threshold) < 0.01f) continue;
        wrong += hard.at(x, y)[3] != (alpha > threshold ? 255 : 0);
      }
    }
    EXPECT_EQ(wrong, 0) << threshold;
  }
}

TEST(ShapeTest, IslandsGoAndHolesClose) {
  // A square of 20 x 20 with a soft rim and a hole of 4 x 4, an island of 3 x 3, and one of 8 x 8.
  SceneMatte matte{64, 64, std::vector<float>(64 * 64)};
  const auto fill = [&](int left, int top, int side, float value) {
    for (int y = top; y < top + side; ++y) {
      for (int x = left; x < left + side; ++x)
        matte.values[static_cast<size_t>(y) * 64 + static_cast<size_t>(x)] = value;
    }
  };
  fill(9, 9, 22, 0.5f), fill(10, 10, 20, 1), fill(18, 18, 4, 0), fill(40, 10, 3, 1), fill(40, 40, 8, 1);
  const TestPicture picture = TestPicture::Filled(64, 64, {1, 2, 3, 255});
  const auto alpha = [&](const CompositeOptions& options, int x, int y) {
    TestPicture out(64, 64);
    EXPECT_TRUE(Composite(picture.view(), matte.view(), options, out.mutable_view(), SerialRunner()));
    return out.at(x, y)[3];
  };
  EXPECT_EQ(alpha({.remove_islands = 0.1f}, 41, 11), 0);
  EXPECT_EQ(alpha({.remove_islands = 0.1f}, 43, 43), 255);
  EXPECT_EQ(alpha({.remove_islands = 1}, 43, 43), 0);
  EXPECT_EQ(alpha({.remove_islands = 1}, 9, 9), 128) << "the largest part stays, with its rim";
  EXPECT_EQ(alpha({.remove_islands = 1}, 19, 19), 0);
  EXPECT_EQ(alpha({.fill_holes = 0.1f}, 19, 19), 255);
  EXPECT_EQ(alpha({.fill_holes = 0.01f}, 19, 19), 0);
  EXPECT_EQ(alpha({.fill_holes = 1}, 0, 0), 0) << "what reaches the edge is no hole";
}

TEST(ShapeTest, OptionsOutOfRangeAreNamed) {
  const Scene scene(1);
  TestPicture out(Scene::kWidth, Scene::kHeight);
  const auto refused = [&](const CompositeOptions& options) {
    const Status status =
        Composite(scene.picture.view(), scene.matte.view(), options, out.mutable_view(), SerialRunner());
    EXPECT_FALSE(status.has_value());
    return status ? std::string() : status.error().message;
  };
  EXPECT_EQ(refused({.threshold = 1.5f}), "threshold is not within 0 and 1");
  EXPECT_EQ(refused({.remove_islands = -0.1f}), "remove_islands is not within 0 and 1");
  EXPECT_EQ(refused({.fill_holes = std::nanf("")}), "fill_holes is not within 0 and 1");
}

// The specification of RefinePixels, a pixel at a time.
TEST(EdgeRowsTest, EveryTargetGivesTheFormulas) {
  constexpr size_t kCount = 4 * kEdgeChunk;
  std::mt19937 random(testing::TestSeed(5));
  std::uniform_real_distribution<float> uniform(-0.5f, 1.2f);
  std::vector<float> planes[2][kEdgePlanes];
  EdgeRowPair rows{.top_weight = 0.3f, .bottom_weight = 0.7f};
  for (size_t side = 0; side < 2; ++side) {
    for (size_t p = 0; p < kEdgePlanes; ++p) {
      for (size_t x = 0; x < kCount; ++x) planes[side][p].push_back(uniform(random));
      (side == 0 ? rows.top : rows.bottom)[p] = planes[side][p].data();
    }
  }
  const TestPicture picture = TestPicture::Random(kCount, 1, 9);
  testing::ForEachSimdTarget([&] {
    std::vector<float> alpha(kCount);
    std::vector<uint8_t> out(4 * kCount);
    RefinePixels(rows, true, true, picture.view().data, kCount, alpha.data(), out.data());
    for (size_t x = 0; x < kCount; ++x) {
      const Rgba pixel = picture.at(static_cast<int>(x), 0);
      const auto plane = [&](size_t p) { return 0.3f * planes[0][p][x] + 0.7f * planes[1][p][x]; };
      float rgb[3], a = plane(kOffset);
      for (size_t c = 0; c < 3; ++c) rgb[c] = static_cast<float>(pixel[c]) * (1.0f / 255);
      for (size_t c = 0; c < 3; ++c) a = a + plane(kSlope + c) * rgb[c];
      a = std::clamp(a, 0.0f, 1.0f);
      ASSERT_EQ(alpha[x], a);
      for (size_t c = 0; c < 3; ++c) {
        const float front = plane(kFront + c), mixed = a * front + (1 - a) * plane(kBack + c);
        const float colour = front + a / (a * a + (1 - a) * (1 - a)) * (rgb[c] - mixed);
        const float limited = std::clamp(colour, 0.0f, 1.0f);
        ASSERT_EQ(out[4 * x + c], static_cast<uint8_t>(std::min(limited * 255 + 0.5f, 255.0f))) << x;
      }
      ASSERT_EQ(out[4 * x + 3], pixel[3]);
    }
  });
}

}  // namespace
}  // namespace decal
