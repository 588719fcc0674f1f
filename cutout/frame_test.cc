// What results show: cut to the subject, widened to a shape, resized; and all of Composite that moves outlines.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <string>
#include <vector>

#include "cutout/test_picture.h"
#include "decal/cutout.h"
#include "decal/heedful_runner.h"

namespace decal {
namespace {

using testing::Rgba;
using testing::TestPicture;

constexpr Extent kHundred{100, 80};
constexpr Box kSubject{20, 10, 40, 30};

Frame Chosen(const FrameOptions& options, const Box& visible = kSubject) {
  const auto frame = ChooseFrame(kHundred, visible, options);
  EXPECT_TRUE(frame.has_value()) << (frame ? "" : frame.error().message);
  return frame.value_or(Frame{});
}

TEST(FrameTest, CropsWithAMarginAndStaysInThePicture) {
  EXPECT_EQ(Chosen({}).source, (Box{0, 0, 100, 80}));
  EXPECT_EQ(Chosen({.crop = 0.0f}).source, kSubject);
  EXPECT_EQ(Chosen({.crop = 10.0f}).source, (Box{16, 6, 48, 38}));
  EXPECT_EQ(Chosen({.crop = 100.0f}).source, (Box{0, 0, 100, 80}));
  EXPECT_EQ(Chosen({.crop = 100.0f}, {}).source, (Box{0, 0, 100, 80})) << "nothing visible, nothing cut";
  EXPECT_EQ(Chosen({.crop = 0.0f}).extent, (Extent{40, 30}));
}

TEST(FrameTest, ShapesWidenAroundTheMiddle) {
  EXPECT_EQ(Chosen({.crop = 0.0f, .aspect_ratio = 1}).source, (Box{20, 5, 40, 40}));
  EXPECT_EQ(Chosen({.crop = 10.0f, .aspect_ratio = 1}).source, (Box{16, 1, 48, 48}));
  EXPECT_EQ(Chosen({.aspect_ratio = 2}).source, (Box{-30, 0, 160, 80}));
  EXPECT_EQ(Chosen({.crop = 0.0f, .aspect_ratio = 0.5f}).source, (Box{20, -15, 40, 80}));
}

TEST(FrameTest, SizesAndScales) {
  EXPECT_EQ(Chosen({.size = {50, 0}}).extent, (Extent{50, 40}));
  EXPECT_EQ(Chosen({.size = {0, 160}}).extent, (Extent{200, 160}));
  EXPECT_EQ(Chosen({.size = {64, 64}}).extent, (Extent{64, 64}));
  EXPECT_EQ(Chosen({.size = {64, 64}}).source, (Box{0, -10, 100, 100}));
  EXPECT_EQ(Chosen({.scale = 0.5f}).extent, (Extent{50, 40}));
  EXPECT_EQ(Chosen({.crop = 0.0f, .scale = 0.01f}).extent, (Extent{1, 1}));
  EXPECT_EQ(Chosen({.crop = 0.0f, .aspect_ratio = 1, .size = {20, 0}}).extent, (Extent{20, 20}));
}

TEST(FrameTest, OptionsOutOfRangeAreNamed) {
  const auto refused = [](const FrameOptions& options) {
    const auto frame = ChooseFrame(kHundred, kSubject, options);
    EXPECT_FALSE(frame.has_value());
    return frame ? std::string() : std::string(ErrorCodeName(frame.error().code)) + ": " + frame.error().message;
  };
  const float nan = std::nanf("");
  for (const float bad : {-1.0f, 101.0f, nan})
    EXPECT_EQ(refused({.crop = bad}), "invalid-argument: crop is not within 0 and 100");
  for (const float bad : {-1.0f, 0.001f, 200.0f, nan}) {
    EXPECT_EQ(refused({.aspect_ratio = bad}), "invalid-argument: aspect_ratio is not within 0.01 and 100");
  }
  for (const float bad : {0.0f, 9.0f, nan})
    EXPECT_EQ(refused({.scale = bad}), "invalid-argument: scale is not within 0.01 and 8");
  EXPECT_EQ(refused({.size = {-1, 0}}), "invalid-argument: size is not within 1 and 32768 pixels");
  EXPECT_EQ(refused({.size = {40000, 10}}), "invalid-argument: size is not within 1 and 32768 pixels");
  EXPECT_EQ(refused({.size = {4, 0}, .scale = 2}), "invalid-argument: size and scale exclude each other");
  EXPECT_EQ(refused({.aspect_ratio = 1, .size = {4, 4}}),
            "invalid-argument: aspect_ratio and a size with both sides exclude each other");
  EXPECT_EQ(refused({.aspect_ratio = 0.01f, .size = {32768, 0}}),
            "limit-exceeded: a result of 32768 x 3276800 pixels is too large");
}

TEST(FrameTest, TakesPartsAndFillsWhatIsBeyond) {
  const TestPicture picture = TestPicture::Pattern(100, 80);
  for (const Frame& frame : {Frame{{20, 10, 40, 30}, {40, 30}}, Frame{{-10, -5, 30, 20}, {30, 20}},
                             Frame{{90, 70, 30, 30}, {30, 30}}, Frame{{200, 0, 10, 10}, {10, 10}}}) {
    TestPicture out(frame.extent.width, frame.extent.height, 8);
    ASSERT_TRUE(TakeFrame(picture.view(), frame, {1, 2, 3, 255}, out.mutable_view(), SerialRunner()));
    EXPECT_TRUE(out.PaddingIntact());
    for (int y = 0; y < out.height(); ++y) {
      for (int x = 0; x < out.width(); ++x) {
        const int from_x = frame.source.x + x, from_y = frame.source.y + y;
        const bool inside = from_x >= 0 && from_y >= 0 && from_x < 100 && from_y < 80;
        ASSERT_EQ(out.at(x, y), inside ? picture.at(from_x, from_y) : (Rgba{1, 2, 3, 255})) << x << ", " << y;
      }
    }
  }
}

TEST(FrameTest, AHeedfulRunnerLeavesOutTheRest) {
  std::atomic<bool> cancel = false;
  HeedfulRunner runner(SerialRunner(), cancel);
  EXPECT_EQ(runner.thread_count(), SerialRunner().thread_count());
  size_t done = 0;
  ParallelFor(runner, 10, [&](size_t index, size_t) {
    ++done;
    if (index == 3) cancel = true;
  });
  EXPECT_EQ(done, 4u);
  const TestPicture picture = TestPicture::Filled(4, 4, {1, 2, 3, 255});
  TestPicture out = TestPicture::Filled(8, 8, {9, 9, 9, 255});
  ASSERT_TRUE(TakeFrame(picture.view(), {{0, 0, 4, 4}, {8, 8}}, {}, out.mutable_view(), runner));
  EXPECT_EQ(out.at(7, 7), (Rgba{9, 9, 9, 255}));
}

TEST(FrameTest, ResizesWithItsSurroundings) {
  const TestPicture picture = TestPicture::Filled(100, 80, {10, 200, 30, 255});
  TestPicture out(50, 50);
  ASSERT_TRUE(TakeFrame(picture.view(), {{0, -10, 100, 100}, {50, 50}}, {}, out.mutable_view(), SerialRunner()));
  EXPECT_EQ(out.at(25, 2), Rgba{});
  EXPECT_EQ(out.at(0, 25), (Rgba{10, 200, 30, 255}));
  EXPECT_EQ(out.at(49, 47), Rgba{});
  TestPicture wrong(49, 50);
  EXPECT_FALSE(TakeFrame(picture.view(), {{0, 0, 100, 100}, {50, 50}}, {}, wrong.mutable_view(), SerialRunner()));
}

// A square of 40 x 40 in the middle, and its matte at a quarter of the size.
struct Square {
  TestPicture picture = TestPicture::Filled(120, 120, {250, 250, 250, 255});
  std::vector<float> matte = std::vector<float>(30 * 30);

  Square() {
    for (int y = 40; y < 80; ++y) {
      for (int x = 40; x < 80; ++x) picture.set(x, y, {200, 40, 30, 255});
    }
    for (size_t y = 10; y < 20; ++y) {
      for (size_t x = 10; x < 20; ++x) matte[30 * y + x] = 1;
    }
  }

  TestPicture Cut(const CompositeOptions& options, Box* visible = nullptr,
                  ThreadRunner& runner = SerialRunner()) const {
    TestPicture out(120, 120);
    EXPECT_TRUE(Composite(picture.view(), {matte.data(), 30, 30}, options, out.mutable_view(), runner, visible));
    return out;
  }
};

double CoveredRow(const TestPicture& picture, int y) {
  double sum = 0;
  for (int x = 0; x < picture.width(); ++x) sum += picture.at(x, y)[3] / 255.0;
  return sum;
}

TEST(CompositeShapeTest, GrowsAndShrinks) {
  const Square square;
  for (const bool colours : {false, true}) {
    const double plain = CoveredRow(square.Cut({.refine = Refine::kFast, .decontaminate = colours}), 60);
    EXPECT_NEAR(plain, 40, 0.5);
    for (const float grow : {-3.5f, -0.5f, 0.5f, 2.0f, 8.0f}) {
      const TestPicture out = square.Cut({.refine = Refine::kFast, .decontaminate = colours, .grow = grow});
      EXPECT_NEAR(CoveredRow(out, 60), plain + 2 * grow, 0.3) << grow;
    }
  }
  const TestPicture grown = square.Cut({.refine = Refine::kFast, .decontaminate = true, .grow = 3});
  EXPECT_NEAR(grown.at(38, 60)[1], 40, 20) << "what was background shows the subject's colour";
}

TEST(CompositeShapeTest, EveryOptionWithEveryOther) {
  const Square square;
  const auto pool = MakeThreadPool(3);
  for (const Refine refine : {Refine::kOff, Refine::kFast, Refine::kBest}) {
    for (int bits = 0; bits < 256; ++bits) {
      CompositeOptions options{.mask_only = (bits & 1) != 0,
                               .refine = refine,
                               .decontaminate = (bits & 2) != 0,
                               .background_only = (bits & 4) != 0,
                               .smooth = bits & 8 ? 2.5f : 0,
                               .grow = bits & 16 ? -1.5f : 0,
                               .shadow = bits & 32 ? 0.5f : 0};
      if (bits & 64) options.background = {1, 2, 3, 200};
      if (bits & 128) options.threshold = 0.5f;
      Box serial, threaded;
      const TestPicture out = square.Cut(options, &serial);
      ASSERT_EQ(out.bytes(), square.Cut(options, &threaded, *pool).bytes()) << bits;
      ASSERT_EQ(serial, threaded) << bits;
      TestPicture in_place = square.picture;
      ASSERT_TRUE(
          Composite(in_place.view(), {square.matte.data(), 30, 30}, options, in_place.mutable_view(), SerialRunner()));
      ASSERT_EQ(in_place.bytes(), out.bytes()) << bits;
      const bool rest = options.background_only;
      const Rgba middle = out.at(60, 60), corner = out.at(3, 3);
      if (options.mask_only) {
        ASSERT_EQ(middle, rest ? (Rgba{0, 0, 0, 255}) : (Rgba{255, 255, 255, 255})) << bits;
      } else {
        const Rgba behind = options.background ? Rgba{1, 2, 3, 200} : Rgba{};
        ASSERT_EQ(middle, rest ? behind : (Rgba{200, 40, 30, 255})) << bits;
        ASSERT_EQ(corner, rest ? (Rgba{250, 250, 250, 255}) : behind) << bits;
        const bool shadow = options.shadow > 0 && !rest;
        if (shadow) ASSERT_NE(out.at(60, 81), behind) << bits;
        if (!shadow && !rest) ASSERT_EQ(out.at(60, 90), behind) << bits;
      }
    }
  }
}

TEST(CompositeShapeTest, VisibleIsWhatTheResultShows) {
  const Square square;
  Box box;
  square.Cut({.refine = Refine::kFast}, &box);
  EXPECT_NEAR(box.x, 40, 1);
  EXPECT_NEAR(box.y, 40, 1);
  EXPECT_NEAR(box.width, 40, 2);
  square.Cut({.refine = Refine::kFast, .grow = 5}, &box);
  EXPECT_NEAR(box.x, 35, 1);
  square.Cut({.background = {{9, 9, 9, 255}}, .refine = Refine::kFast, .shadow = 0.8f}, &box);
  EXPECT_GT(box.y + box.height, 82);
  square.Cut({}, &box);
  EXPECT_NEAR(box.x, 38, 2);
  Square empty;
  std::fill(empty.matte.begin(), empty.matte.end(), 0.0f);
  empty.Cut({.refine = Refine::kFast, .decontaminate = true}, &box);
  EXPECT_EQ(box, Box{});
}

TEST(CompositeShapeTest, LinesOfPixelsObeyToo) {
  const TestPicture line = TestPicture::Filled(60, 1, {9, 9, 9, 255});
  const float matte[] = {1, 0};
  TestPicture out(60, 1);
  ASSERT_TRUE(Composite(line.view(), {matte, 2, 1}, {.background_only = true, .threshold = 0.5f}, out.mutable_view(),
                        SerialRunner()));
  EXPECT_EQ(out.at(5, 0), Rgba{});
  EXPECT_EQ(out.at(55, 0), (Rgba{9, 9, 9, 255}));
}

TEST(CompositeShapeTest, MattesAsLargeAsThePictureKeepTheirOwnRows) {
  // 1,200 x 1,000 cells are more than the fields have.
  constexpr int kWidth = 1200, kHeight = 1000;
  const TestPicture picture = TestPicture::Filled(kWidth, kHeight, {120, 130, 140, 255});
  std::vector<float> matte(static_cast<size_t>(kWidth) * kHeight);
  for (size_t i = 0; i < matte.size(); ++i) matte[i] = static_cast<float>(i % 7) / 6;
  TestPicture plain(kWidth, kHeight), colours(kWidth, kHeight);
  const MatteView view{matte.data(), kWidth, kHeight};
  ASSERT_TRUE(Composite(picture.view(), view, {}, plain.mutable_view(), SerialRunner()));
  ASSERT_TRUE(Composite(picture.view(), view, {.decontaminate = true}, colours.mutable_view(), SerialRunner()));
  for (int y = 0; y < kHeight; y += 97) {
    for (int x = 0; x < kWidth; ++x) ASSERT_EQ(plain.at(x, y)[3], colours.at(x, y)[3]) << x << ", " << y;
  }
}

TEST(CompositeShapeTest, NewOptionsOutOfRangeAreNamed) {
  const Square square;
  TestPicture out(120, 120);
  const auto refused = [&](const CompositeOptions& options) {
    const Status status =
        Composite(square.picture.view(), {square.matte.data(), 30, 30}, options, out.mutable_view(), SerialRunner());
    return status ? std::string("taken")
                  : std::string(ErrorCodeName(status.error().code)) + ": " + status.error().message;
  };
  for (const float bad : {-1.0f, 51.0f, std::nanf("")})
    EXPECT_EQ(refused({.smooth = bad}), "invalid-argument: smooth is not within 0 and 50");
  for (const float bad : {-51.0f, 51.0f, std::nanf("")})
    EXPECT_EQ(refused({.grow = bad}), "invalid-argument: grow is not within -50 and 50");
  for (const float bad : {-0.1f, 1.1f, std::nanf("")})
    EXPECT_EQ(refused({.shadow = bad}), "invalid-argument: shadow is not within 0 and 1");
}

}  // namespace
}  // namespace decal
