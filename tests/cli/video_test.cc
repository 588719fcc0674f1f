// The parts of decal video that files do not show: turning, colours behind transparent pixels, the queue, names of frames.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "cli/options.h"
#include "cli/video/convert.h"
#include "cli/video/queue.h"
#include "cli/video/sinks.h"
#include "cutout/test_picture.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace decal::cli {
namespace {

using decal::testing::Rgba;
using decal::testing::TestPicture;

Orientation OrientationOk(std::array<int32_t, 9> matrix) {
  Orientation orientation;
  EXPECT_TRUE(OrientationOf(matrix.data(), orientation));
  return orientation;
}

// A picture that says where each pixel was.
TestPicture Places(int width, int height) {
  TestPicture picture(width, height);
  picture.ForEach([](int x, int y) { return Rgba{static_cast<uint8_t>(x), static_cast<uint8_t>(y), 0, 255}; });
  return picture;
}

TEST(OrientTest, EveryDisplayMatrixOfRightAnglesIsFollowed) {
  constexpr int32_t k1 = 1 << 16;
  const TestPicture from = Places(70, 40);
  // (x, y) goes to (a x + c y, b x + d y), shifted back into the picture.
  const int signs[] = {1, -1};
  for (const int first : signs) {
    for (const int second : signs) {
      const Orientation plain = OrientationOk({first * k1, 0, 0, 0, second * k1, 0, 0, 0, 1 << 30});
      TestPicture to(70, 40);
      Orient(from.view(), plain, to.mutable_view());
      EXPECT_EQ(to.at(first > 0 ? 3 : 66, second > 0 ? 5 : 34), (Rgba{3, 5, 0, 255}));
      const Orientation turned = OrientationOk({0, second * k1, 0, first * k1, 0, 0, 0, 0, 1 << 30});
      EXPECT_TRUE(turned.transpose);
      TestPicture tall(40, 70);
      Orient(from.view(), turned, tall.mutable_view());
      EXPECT_EQ(tall.at(first > 0 ? 5 : 34, second > 0 ? 3 : 66), (Rgba{3, 5, 0, 255}));
    }
  }
  EXPECT_TRUE(OrientationOk({k1, 0, 0, 0, k1, 0, 0, 0, 1 << 30}).is_plain());
  Orientation orientation;
  const std::array<int32_t, 9> slanted = {46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30}, nothing{};
  EXPECT_FALSE(OrientationOf(slanted.data(), orientation));
  EXPECT_FALSE(OrientationOf(nothing.data(), orientation));
}

TEST(SpreadColoursTest, TransparentPixelsBesideTheSubjectGetItsColourAndStayTransparent) {
  TestPicture picture = TestPicture::Filled(40, 20, {0, 0, 0, 0});
  picture.set(3, 3, {200, 100, 50, 255});
  picture.set(4, 3, {100, 100, 150, 255});
  picture.set(20, 18, {9, 8, 7, 51});
  SpreadColours(picture.mutable_view());
  EXPECT_EQ(picture.at(3, 3), (Rgba{200, 100, 50, 255}));
  EXPECT_EQ(picture.at(0, 15), (Rgba{150, 100, 100, 0}));
  EXPECT_EQ(picture.at(31, 19), (Rgba{9, 8, 7, 0}));
  EXPECT_EQ(picture.at(39, 0), (Rgba{0, 0, 0, 0})) << "nothing is near";
}

TEST(FrameConverterTest, FlatColoursComeBackWithinTwoLevels) {
  for (const AVColorSpace matrix : {AVCOL_SPC_BT709, AVCOL_SPC_SMPTE170M, AVCOL_SPC_BT2020_NCL}) {
    for (const bool full : {false, true}) {
      for (const AVPixelFormat format : {AV_PIX_FMT_YUVA420P, AV_PIX_FMT_YUVA444P10, AV_PIX_FMT_YUV420P}) {
        for (const Rgba colour :
             {Rgba{210, 40, 60, 255}, Rgba{30, 190, 90, 255}, Rgba{25, 60, 230, 255}, Rgba{128, 128, 128, 255}}) {
          const TestPicture picture = TestPicture::Filled(64, 32, colour);
          AvPtr<AVFrame> frame(av_frame_alloc());
          frame->format = format;
          frame->width = 64, frame->height = 32;
          ASSERT_GE(av_frame_get_buffer(frame.get(), 0), 0);
          frame->colorspace = matrix;
          frame->color_range = full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
          EXPECT_EQ(ColoursOf(*frame).full_range, full);
          FrameConverter there, back;
          ASSERT_TRUE(there.FromRgba(picture.view(), ColoursOf(*frame), *frame).has_value());
          TestPicture again = TestPicture::Filled(64, 32, {});
          ASSERT_TRUE(back.ToRgba(*frame, again.mutable_view()).has_value());
          for (size_t c = 0; c < 4; ++c)
            EXPECT_NEAR(again.at(40, 20)[c], colour[c], 2)
                << "matrix " << matrix << (full ? ", full" : ", limited") << ", format " << format << ", channel " << c;
        }
      }
    }
  }
}

TEST(FrameConverterTest, CommonFormatsAreConvertedAsLibswscaleDoesWithin2Levels) {
  for (const AVPixelFormat format : {AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV440P, AV_PIX_FMT_YUV444P,
                                     AV_PIX_FMT_NV12, AV_PIX_FMT_YUVJ420P}) {
    AvPtr<AVFrame> frame(av_frame_alloc());
    frame->format = format;
    frame->width = 66, frame->height = 34;
    ASSERT_GE(av_frame_get_buffer(frame.get(), 0), 0);
    frame->colorspace = AVCOL_SPC_BT709;
    // A picture without edges, so that filters and the place of chroma hardly count.
    TestPicture picture(66, 34);
    picture.ForEach([](int x, int y) {
      return Rgba{static_cast<uint8_t>(40 + 2 * x), static_cast<uint8_t>(30 + 5 * y), static_cast<uint8_t>(200 - x - y),
                  255};
    });
    FrameConverter there, back;
    ASSERT_TRUE(there.FromRgba(picture.view(), ColoursOf(*frame), *frame).has_value());
    TestPicture again(66, 34);
    ASSERT_TRUE(back.ToRgba(*frame, again.mutable_view()).has_value());
    for (int y = 2; y < 32; ++y) {
      for (int x = 2; x < 64; ++x) {
        for (size_t c = 0; c < 3; ++c)
          EXPECT_NEAR(again.at(x, y)[c], picture.at(x, y)[c], 3) << av_get_pix_fmt_name(format);
      }
    }
  }
}

TEST(FrameConverterTest, WhatAFrameLeavesOpenIsGuessedByItsSize) {
  AvPtr<AVFrame> frame(av_frame_alloc());
  frame->format = AV_PIX_FMT_YUV420P;
  frame->width = 1280, frame->height = 720;
  EXPECT_EQ(ColoursOf(*frame).matrix, AVCOL_SPC_BT709);
  frame->width = 720, frame->height = 576;
  EXPECT_EQ(ColoursOf(*frame).matrix, AVCOL_SPC_SMPTE170M);
  EXPECT_FALSE(ColoursOf(*frame).full_range);
  frame->format = AV_PIX_FMT_YUVJ420P;
  EXPECT_TRUE(ColoursOf(*frame).full_range);
  frame->colorspace = AVCOL_SPC_BT470BG;
  EXPECT_EQ(ColoursOf(*frame).matrix, AVCOL_SPC_BT470BG);
}

TEST(BoundedQueueTest, HoldsNoMoreThanItsLimitAndKeepsTheOrder) {
  BoundedQueue<std::unique_ptr<int>> queue(2);
  std::atomic<int> inside = 0;
  std::thread writer([&] {
    for (int i = 0; i < 1000; ++i) {
      // The one in hand and two that wait, and the one that the other side has just taken.
      EXPECT_LE(++inside, 4);
      ASSERT_TRUE(queue.Push(std::make_unique<int>(i), true));
    }
    queue.End();
  });
  int next = 0;
  while (auto item = queue.Pop()) {
    EXPECT_EQ(**item, next++);
    --inside;
  }
  writer.join();
  EXPECT_EQ(next, 1000);
}

TEST(BoundedQueueTest, StoppedOneLetsBothSidesGo) {
  BoundedQueue<int> full(1), empty(1);
  ASSERT_TRUE(full.Push(1, true));
  std::thread writer([&] { EXPECT_FALSE(full.Push(2, true)); });
  std::thread reader([&] { EXPECT_FALSE(empty.Pop().has_value()); });
  full.Stop();
  empty.Stop();
  writer.join();
  reader.join();
  EXPECT_FALSE(full.Pop().has_value());
}

TEST(FramePatternTest, HasOnePlaceForTheNumber) {
  for (const char* good : {"%d.png", "frames/%05d.png", "a%012d.png"})
    EXPECT_TRUE(CheckFramePattern(good).has_value()) << good;
  for (const char* bad :
       {"a.png", "%s.png", "%5.2d.png", "%d%d.png", "%.png", "%0d.png", "%099d.png", "%-3d.png", "%%d.png"})
    EXPECT_FALSE(CheckFramePattern(bad).has_value()) << bad;
}

TEST(VideoOptionsTest, AreRead) {
  const auto parse = [](std::vector<const char*> args) {
    args.insert(args.begin(), {"decal", "video"});
    return ParseCommandLine(static_cast<int>(args.size()), args.data());
  };
  const auto parsed = parse({"-", "-o", "x.webm", "--size", "640x480", "--fps", "29.97", "--pixel-format", "nv12",
                             "--background", "red", "--refine", "best", "--keep-colours"});
  ASSERT_TRUE(parsed.has_value()) << parsed.error().ToString();
  const auto& options = std::get<VideoOptions>(*parsed);
  EXPECT_EQ(options.size, (Extent{640, 480}));
  EXPECT_EQ(std::pair(options.rate_num, options.rate_den), std::pair(29970, 1000));
  EXPECT_EQ(options.composite.background, (std::array<uint8_t, 4>{255, 0, 0, 255}));
  EXPECT_EQ(options.composite.refine, Refine::kBest);
  EXPECT_FALSE(options.composite.decontaminate);
  const auto plain = parse({"clip.mp4", "-o", "x.webm"});
  ASSERT_TRUE(plain.has_value());
  EXPECT_TRUE(std::get<VideoOptions>(*plain).composite.decontaminate);
  EXPECT_FALSE(std::get<VideoOptions>(*plain).frame_by_frame);
  EXPECT_EQ(std::get<VideoOptions>(*plain).composite.refine, Refine::kOff);
  for (const auto& [text, blur] :
       {std::pair("blur", 12.0f), std::pair("blur:1", 1.0f), std::pair("blur:33.5", 33.5f)}) {
    const auto blurred = parse({"clip.mp4", "-o", "x.webm", "--background", text});
    ASSERT_TRUE(blurred.has_value()) << blurred.error().ToString();
    EXPECT_EQ(std::get<VideoOptions>(*blurred).blur, blur);
    EXPECT_FALSE(std::get<VideoOptions>(*blurred).composite.background.has_value());
  }
  const auto picture = parse({"clip.mp4", "-o", "x.webm", "--background", "/dev/null"});
  ASSERT_TRUE(picture.has_value());
  EXPECT_EQ(std::get<VideoOptions>(*picture).backdrop, "/dev/null");
  for (const char* rate : {"0", "-1", "1/0", "abc", "1e9", "nan", "30/"})
    EXPECT_FALSE(parse({"-", "-o", "x.webm", "--size", "4x4", "--fps", rate}).has_value()) << rate;
  for (const char* size : {"", "4", "4x", "x4", "4x-4", "99999x4", "4x4x4"})
    EXPECT_FALSE(parse({"-", "-o", "x.webm", "--size", size}).has_value()) << size;
}

}  // namespace
}  // namespace decal::cli
