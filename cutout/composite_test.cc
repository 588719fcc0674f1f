// Matte and picture become a cut-out, a mask, or a picture with another background.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cutout/resample.h"
#include "cutout/test_picture.h"
#include "decal/cutout.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using testing::Rgba;
using testing::TestPicture;

struct Matte {
  int width, height;
  std::vector<float> values;

  static Matte Filled(int width, int height, float value) {
    return {width, height, std::vector<float>(static_cast<size_t>(width) * static_cast<size_t>(height), value)};
  }
  MatteView view() const { return {values.data(), width, height}; }
};

TestPicture Composed(const TestPicture& picture, const Matte& matte, const CompositeOptions& options = {},
                     ThreadRunner& runner = SerialRunner()) {
  TestPicture out(picture.width(), picture.height(), 4);
  const Status status = Composite(picture.view(), matte.view(), options, out.mutable_view(), runner);
  EXPECT_TRUE(status.has_value()) << status.error().ToString();
  EXPECT_TRUE(out.PaddingIntact());
  return out;
}

TEST(CompositeTest, AlphaIsPictureAlphaTimesMatte) {
  TestPicture picture(3, 1);
  picture.set(0, 0, {10, 20, 30, 255});
  picture.set(1, 0, {10, 20, 30, 100});
  picture.set(2, 0, {10, 20, 30, 0});
  const TestPicture out = Composed(picture, Matte::Filled(3, 1, 0.5f));
  EXPECT_EQ(out.at(0, 0), (Rgba{10, 20, 30, 128}));  // 127.5 rounds up
  EXPECT_EQ(out.at(1, 0), (Rgba{10, 20, 30, 50}));
  EXPECT_EQ(out.at(2, 0), (Rgba{0, 0, 0, 0}));
}

TEST(CompositeTest, MemoryFromEarlierCallsMakesNoDifference) {
  CompositeMemory memory;
  std::mt19937 random(testing::TestSeed(41));
  std::uniform_real_distribution<float> values(-0.2f, 1.2f);
  const Extent sizes[] = {{120, 90}, {120, 90}, {64, 200}, {7, 5}, {200, 64}};
  for (int turn = 0; turn < 40; ++turn) {
    const auto [width, height] = sizes[turn % 5];
    const TestPicture picture = TestPicture::Random(width, height, static_cast<uint32_t>(turn));
    Matte matte = Matte::Filled(1 + turn % 31, 1 + turn % 17, 0);
    for (float& value : matte.values) value = values(random);
    CompositeOptions options;
    options.refine = static_cast<Refine>(turn % 3);
    options.decontaminate = turn % 4 != 0;
    options.background_only = turn % 7 == 0;
    options.grow = turn % 5 == 0 ? 2.0f : 0.0f;
    options.shadow = turn % 6 == 0 ? 0.5f : 0.0f;
    const TestPicture expected = Composed(picture, matte, options);
    TestPicture out(width, height, 4);
    Box visible;
    ASSERT_TRUE(
        Composite(picture.view(), matte.view(), options, out.mutable_view(), SerialRunner(), &visible, &memory));
    EXPECT_TRUE(out.PaddingIntact());
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) ASSERT_EQ(out.at(x, y), expected.at(x, y)) << turn << ": " << x << ", " << y;
    }
  }
  EXPECT_GT(memory.memory_bytes(), 0u);
}

TEST(CompositeTest, ColourIsZeroedWhereNothingIsLeft) {
  TestPicture picture = TestPicture::Filled(2, 1, {200, 200, 200, 255});
  const TestPicture out = Composed(picture, {2, 1, {0.0019f, 0.002f}});  // just below and above half of 1 / 255
  EXPECT_EQ(out.at(0, 0), (Rgba{0, 0, 0, 0}));
  EXPECT_EQ(out.at(1, 0), (Rgba{200, 200, 200, 1}));
}

TEST(CompositeTest, WildMattesAreTamed) {
  const float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  const TestPicture out =
      Composed(TestPicture::Filled(5, 1, {1, 2, 3, 255}), {5, 1, {kNan, -7, 7, kInfinity, -kInfinity}});
  const uint8_t expected[] = {0, 0, 255, 255, 0};
  for (int x = 0; x < 5; ++x) EXPECT_EQ(out.at(x, 0)[3], expected[x]) << x;
}

// One NaN must not spread beyond its own pixel's reach when the matte is enlarged.
TEST(CompositeTest, NanDoesNotSpread) {
  Matte matte = Matte::Filled(4, 4, 1);
  matte.values[5] = std::nanf("");
  const TestPicture out = Composed(TestPicture::Filled(16, 16, {1, 2, 3, 255}), matte);
  EXPECT_EQ(out.at(15, 15)[3], 255);
  EXPECT_EQ(out.at(0, 0)[3], 255);
  EXPECT_LT(out.at(5, 5)[3], 128);
}

TEST(CompositeTest, EnlargesInFloatingPoint) {
  const TestPicture out = Composed(TestPicture::Filled(4, 1, {9, 9, 9, 255}), {2, 1, {0, 1}});
  const uint8_t expected[] = {0, 64, 191, 255};  // 0, 1/4, 3/4, 1
  for (int x = 0; x < 4; ++x) EXPECT_EQ(out.at(x, 0)[3], expected[x]) << x;
}

// A ramp between two values 1 / 255 apart: had the matte been quantised first, only two alphas could appear, each
// over one half; in floating point the step is where it belongs.
TEST(CompositeTest, MatteIsNotQuantisedFirst) {
  const int width = 1000;
  const TestPicture out = Composed(TestPicture::Filled(width, 1, {9, 9, 9, 255}), {2, 1, {100.1f / 255, 100.7f / 255}});
  int step = 0;
  while (step < width && out.at(step, 0)[3] == 100) ++step;
  // 100.5 is two thirds of the way from the first matte value's centre (at 250) to the second's (750).
  EXPECT_NEAR(step, 583, 2);
}

TEST(CompositeTest, ReducesAntialiased) {
  Matte stripes{64, 1, {}};
  for (int x = 0; x < 64; ++x) stripes.values.push_back(x % 2 == 0 ? 1.0f : 0.0f);
  const TestPicture out = Composed(TestPicture::Filled(4, 1, {9, 9, 9, 255}), stripes);
  for (int x = 0; x < 4; ++x) EXPECT_NEAR(out.at(x, 0)[3], 128, 3);  // the cut-off triangles at the ends: 125
}

TEST(CompositeTest, RefinedEdgesOfAnyWidthAreAsSmoothAsThePicture) {
  // The widths at which a matte of these once came out in stripes, and their neighbours.
  for (const auto& [cells, width] :
       {std::pair{288, 1056}, {288, 1120}, {288, 1121}, {288, 4000}, {320, 2496}, {320, 4288}, {320, 4928}}) {
    // A ramp from dark to bright over two cells, and a matte that knows no better than where it is.
    const int height = 24, middle = width / 2, ramp = 2 * width / cells;
    TestPicture picture(width, height);
    picture.ForEach([&](int x, int) {
      const int light = std::clamp(20 + 200 * (x - middle + ramp / 2) / ramp, 20, 220);
      return Rgba{static_cast<uint8_t>(light), static_cast<uint8_t>(light), static_cast<uint8_t>(light), 255};
    });
    Matte matte = Matte::Filled(cells, 4, 0);
    for (int x = 0; x < cells; ++x) {
      const float value = std::clamp(0.5f + static_cast<float>(x + 0.5 - cells / 2.0) / 4, 0.0f, 1.0f);
      for (int y = 0; y < matte.height; ++y) matte.values[static_cast<size_t>(y * cells + x)] = value;
    }
    for (const Refine refine : {Refine::kFast, Refine::kBest}) {
      const TestPicture out = Composed(picture, matte, {.mask_only = true, .refine = refine});
      for (int x = 1; x < width; ++x) {
        ASSERT_LT(std::abs(out.at(x, height / 2)[0] - out.at(x - 1, height / 2)[0]), 60)
            << cells << " to " << width << " at " << x;
      }
    }
  }
}

// The matte at the picture's size, in whichever order it is resampled: as the sum over both axes in double precision.
TEST(CompositeTest, MattesOfAnySizeAreResampledByBothAxes) {
  constexpr Extent kSides[] = {{1, 1}, {3, 90}, {90, 3}, {16, 16}, {70, 41}};
  std::mt19937 random(testing::TestSeed(1));
  for (const Extent from : kSides) {
    Matte matte{from.width, from.height, {}};
    for (int i = 0; i < from.width * from.height; ++i) {
      matte.values.push_back(static_cast<float>(random() % 1001) / 1000);
    }
    for (const Extent to : kSides) {
      const TestPicture mask =
          Composed(TestPicture::Filled(to.width, to.height, {1, 2, 3, 255}), matte, {.mask_only = true});
      const auto rows = ResampleAxis::Create(from.height, to.height);
      const auto columns = ResampleAxis::Create(from.width, to.width);
      for (int y = 0; y < to.height; ++y) {
        for (int x = 0; x < to.width; ++x) {
          double expected = 0;
          for (int i = 0; i < rows->taps(); ++i) {
            for (int k = 0; k < columns->taps(); ++k) {
              const int at = (rows->first(y) + i) * from.width + columns->first(x) + k;
              expected += 255.0 * rows->weights(y)[i] * columns->weights(x)[k] * matte.values[static_cast<size_t>(at)];
            }
          }
          ASSERT_NEAR(mask.at(x, y)[0], expected, 0.501)
              << from.width << " to " << to.width << " at " << x << ", " << y;
        }
      }
    }
  }
}

TEST(CompositeTest, OpaqueBackgroundGivesAnOpaquePicture) {
  const TestPicture picture = TestPicture::Random(16, 9, 1);
  const TestPicture out = Composed(picture, Matte::Filled(4, 4, 0.3f), {.background = Rgba{250, 128, 0, 255}});
  for (int y = 0; y < 9; ++y) {
    for (int x = 0; x < 16; ++x) {
      const Rgba from = picture.at(x, y), to = out.at(x, y);
      const double front = 0.3 * from[3] / 255;
      EXPECT_EQ(to[3], 255);
      EXPECT_NEAR(to[0], from[0] * front + 250 * (1 - front), 0.51);
      EXPECT_NEAR(to[1], from[1] * front + 128 * (1 - front), 0.51);
      EXPECT_NEAR(to[2], from[2] * front, 0.51);
    }
  }
}

TEST(CompositeTest, TranslucentBackground) {
  const CompositeOptions half_red{.background = Rgba{255, 0, 0, 128}};
  const TestPicture picture = TestPicture::Filled(1, 1, {0, 0, 255, 255});
  EXPECT_EQ(Composed(picture, Matte::Filled(1, 1, 1), half_red).at(0, 0), (Rgba{0, 0, 255, 255}));
  EXPECT_EQ(Composed(picture, Matte::Filled(1, 1, 0), half_red).at(0, 0), (Rgba{255, 0, 0, 128}));
  // 0.5 of blue over 0.251 of red: alpha 0.751, of which blue has two thirds.
  EXPECT_EQ(Composed(picture, Matte::Filled(1, 1, 0.5f), half_red).at(0, 0), (Rgba{85, 0, 170, 192}));
  const CompositeOptions nothing{.background = Rgba{255, 0, 0, 0}};
  EXPECT_EQ(Composed(picture, Matte::Filled(1, 1, 0), nothing).at(0, 0), (Rgba{0, 0, 0, 0}));
}

TEST(CompositeTest, MaskIsOpaqueGrey) {
  TestPicture picture = TestPicture::Filled(2, 1, {10, 20, 30, 255});
  picture.set(1, 0, {10, 20, 30, 128});
  const TestPicture out = Composed(picture, Matte::Filled(1, 1, 0.6f), {.mask_only = true});
  EXPECT_EQ(out.at(0, 0), (Rgba{153, 153, 153, 255}));
  EXPECT_EQ(out.at(1, 0), (Rgba{77, 77, 77, 255}));
}

TEST(CompositeTest, InPlace) {
  TestPicture picture = TestPicture::Random(67, 29, 2, 4);
  Matte matte{8, 8, {}};
  for (int i = 0; i < 64; ++i) matte.values.push_back(static_cast<float>(i) / 63);
  for (const CompositeOptions& options :
       {CompositeOptions{}, CompositeOptions{.background = Rgba{1, 2, 3, 200}}, CompositeOptions{.mask_only = true}}) {
    const TestPicture apart = Composed(picture, matte, options);
    TestPicture in_place = picture;
    ASSERT_TRUE(Composite(in_place.view(), matte.view(), options, in_place.mutable_view(), SerialRunner()));
    EXPECT_EQ(in_place.bytes(), apart.bytes());
  }
}

TEST(CompositeTest, SameResultWhateverTheThreads) {
  const TestPicture picture = TestPicture::Random(131, 77, 3);
  Matte matte{32, 32, {}};
  for (int i = 0; i < 1024; ++i) matte.values.push_back(std::fmod(static_cast<float>(i) * 0.37f, 1.0f));
  const auto pool = MakeThreadPool(3);
  EXPECT_EQ(Composed(picture, matte).bytes(), Composed(picture, matte, {}, *pool).bytes());
}

TEST(CompositeTest, ExtremeAspectRatios) {
  for (const Extent extent : {Extent{1, 3000}, Extent{3000, 1}, Extent{1, 1}}) {
    const TestPicture out =
        Composed(TestPicture::Filled(extent.width, extent.height, {1, 2, 3, 255}), Matte::Filled(16, 16, 1));
    EXPECT_EQ(out.at(extent.width - 1, extent.height - 1), (Rgba{1, 2, 3, 255}));
    EXPECT_EQ(out.at(0, 0), (Rgba{1, 2, 3, 255}));
  }
}

TEST(CompositeTest, RefusesWhatMakesNoSense) {
  const Matte matte = Matte::Filled(2, 2, 1);
  TestPicture picture = TestPicture::Filled(4, 4, {1, 2, 3, 255}), smaller(3, 4);
  const auto code = [](const Status& status) {
    return status ? std::string("ok") : ErrorCodeName(status.error().code);
  };
  EXPECT_EQ(code(Composite(picture.view(), matte.view(), {}, smaller.mutable_view(), SerialRunner())),
            "invalid-argument");
  EXPECT_EQ(code(Composite(picture.view(), {}, {}, picture.mutable_view(), SerialRunner())), "invalid-argument");
  EXPECT_EQ(code(Composite({}, matte.view(), {}, picture.mutable_view(), SerialRunner())), "invalid-argument");
  EXPECT_EQ(code(Composite(picture.view(), matte.view(), {}, {}, SerialRunner())), "invalid-argument");
}

}  // namespace
}  // namespace decal
