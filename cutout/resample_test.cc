// Sizes, the model's input and picture resizing: against values worked out by hand and against PIL.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "cutout/resample.h"
#include "cutout/test_picture.h"
#include "decal/cutout.h"

namespace decal {
namespace {

using testing::Rgba;
using testing::TestPicture;

ModelInfo ShortSideModel(int height, int multiple) {
  return {.size_rule = SizeRule::kShortSide, .width = height, .height = height, .multiple = multiple};
}

// The input in 0..255, so that values compare with pixels.
InputSpec PlainSpec(int width, int height, bool channels_last = false) {
  constexpr float kStd = 1.0f / 255;
  return {{width, height}, {0, 0, 0}, {kStd, kStd, kStd}, channels_last};
}

std::vector<float> Prepared(const TestPicture& picture, const InputSpec& spec, ThreadRunner& runner = SerialRunner()) {
  std::vector<float> input(3 * static_cast<size_t>(spec.extent.width) * static_cast<size_t>(spec.extent.height));
  const Status status = PrepareInput(picture.view(), spec, input, runner);
  EXPECT_TRUE(status.has_value()) << status.error().ToString();
  return input;
}

TEST(InputExtentTest, StretchIgnoresThePicture) {
  const ModelInfo model{.size_rule = SizeRule::kStretch, .width = 320, .height = 256};
  EXPECT_EQ(InputExtent(model, {1000, 10}), (Extent{320, 256}));
}

TEST(InputExtentTest, ShortSideKeepsTheAspectRatio) {
  const ModelInfo model = ShortSideModel(512, 32);
  EXPECT_EQ(InputExtent(model, {1000, 1000}), (Extent{512, 512}));
  EXPECT_EQ(InputExtent(model, {1500, 1000}), (Extent{768, 512}));
  EXPECT_EQ(InputExtent(model, {1000, 1500}), (Extent{512, 768}));
  EXPECT_EQ(InputExtent(model, {1010, 1000}), (Extent{512, 512}));  // 517 rounds to 512
}

TEST(InputExtentTest, StripsAreBounded) {
  const ModelInfo model = ShortSideModel(512, 32);
  EXPECT_EQ(InputExtent(model, {1, 100000}), (Extent{512, 2048}));
  EXPECT_EQ(InputExtent(model, {100000, 1}), (Extent{2048, 512}));
}

TEST(ResampleAxisTest, EnlargingMixesTwoSamples) {
  // Where a centre falls on a sample, sums of floating-point numbers round to either side. 4,288 and 4,928 pixels are
  // common cameras' widths.
  for (const auto& [input, outputs] : {std::pair{288, std::vector{1056, 1120, 1696, 3808, 3936, 4000, 4512}},
                                       std::pair{320, std::vector{2496, 3904, 4288, 4928}}}) {
    for (const int output : outputs) {
      const auto axis = ResampleAxis::Create(input, output);
      ASSERT_TRUE(axis);
      ASSERT_EQ(axis->taps(), 2) << input << " to " << output;
      for (int i = 0; i < output; ++i) {
        ASSERT_NEAR(axis->weights(i)[0] + axis->weights(i)[1], 1, 1e-6);
        const double centre = axis->first(i) + 0.5 + axis->weights(i)[1];
        const double wanted = std::clamp((i + 0.5) * input / output, 0.5, input - 0.5);
        ASSERT_NEAR(centre, wanted, 1e-4) << i;
      }
    }
  }
}

TEST(PrepareInputTest, ConstantPicturesStayConstant) {
  const TestPicture picture = TestPicture::Filled(37, 53, {10, 20, 30, 255});
  for (const Extent extent : {Extent{8, 8}, Extent{37, 53}, Extent{100, 9}, Extent{1, 1}}) {
    const std::vector<float> input = Prepared(picture, PlainSpec(extent.width, extent.height));
    const size_t plane = input.size() / 3;
    for (size_t i = 0; i < input.size(); ++i) {
      const size_t channel = i / plane;
      ASSERT_NEAR(input[i], 10.0f * static_cast<float>(channel + 1), 1e-4f);
    }
  }
}

TEST(PrepareInputTest, WhatIsTransparentContrastsWithWhatIsVisible) {
  for (const uint8_t level : {0, 255}) {
    // The hidden colours are those of the subject, which would vanish in them.
    TestPicture picture = TestPicture::Filled(8, 4, {level, level, level, 0});
    for (int y = 0; y < 4; ++y) {
      for (int x = 0; x < 4; ++x) picture.set(x, y, {level, level, level, 255});
    }
    const std::vector<float> input = Prepared(picture, {{8, 4}, {0, 0, 0}, {1, 1, 1}});
    EXPECT_NEAR(input[0], level / 255.0f, 1e-5f);
    EXPECT_NEAR(input[7], 1 - level / 255.0f, 1e-5f);
  }
}

TEST(PrepareInputTest, NormalisesPerChannel) {
  const TestPicture picture = TestPicture::Filled(4, 4, {255, 0, 51, 255});
  const InputSpec spec{{2, 2}, {0.5f, 0.25f, 0.2f}, {0.25f, 0.5f, 1}};
  const std::vector<float> input = Prepared(picture, spec);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(input[i], 2, 1e-6f);
    EXPECT_NEAR(input[4 + i], -0.5f, 1e-6f);
    EXPECT_NEAR(input[8 + i], 0, 1e-6f);
  }
}

// Reducing 2:1, the triangle around an output pixel's centre weighs four input pixels 1:3:3:1, and at a border the
// three that are there 3:3:1.
TEST(PrepareInputTest, HalvesWithATriangle) {
  TestPicture picture(8, 1);
  constexpr uint8_t kValues[] = {0, 80, 160, 240, 40, 0, 200, 8};
  picture.ForEach([&](int x, int) { return Rgba{kValues[x], 0, 0, 255}; });
  const std::vector<float> input = Prepared(picture, PlainSpec(4, 1));
  const float expected[] = {(3 * 0 + 3 * 80 + 160) / 7.0f, (80 + 3 * 160 + 3 * 240 + 40) / 8.0f,
                            (240 + 3 * 40 + 3 * 0 + 200) / 8.0f, (0 + 3 * 200 + 3 * 8) / 7.0f};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(input[i], expected[i], 1e-3f) << i;
}

TEST(PrepareInputTest, EnlargesAtHalfPixelCentres) {
  TestPicture picture(1, 2);
  picture.set(0, 0, {0, 0, 0, 255});
  picture.set(0, 1, {100, 0, 0, 255});
  const std::vector<float> input = Prepared(picture, PlainSpec(1, 4));
  const float expected[] = {0, 25, 75, 100};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(input[i], expected[i], 1e-4f) << i;
}

// PIL 9.4, Image.resize(size, Image.BILINEAR) of TestPicture::Pattern. PIL rounds to bytes after each of the two
// axes: up to 1 of difference.
struct PilCase {
  Extent from, to;
  std::vector<int> rgb;
};

const PilCase kPilCases[] = {
    {{7, 5}, {3, 2}, {43, 35, 228, 122, 79, 179, 201, 160, 130, 65, 93, 214, 144, 137, 165, 194, 156, 116}},
    {{4, 3}, {6, 5}, {0,  0,  255, 19, 3,  244, 43, 8,  228, 68, 17, 213, 93,  33, 198, 111, 45,  186,
                      4,  12, 252, 23, 15, 241, 47, 20, 225, 72, 29, 210, 97,  45, 195, 115, 57,  183,
                      11, 29, 248, 30, 32, 237, 54, 37, 221, 79, 46, 206, 104, 62, 191, 122, 74,  179,
                      18, 46, 244, 37, 49, 233, 61, 54, 217, 86, 63, 202, 111, 79, 187, 129, 91,  175,
                      22, 58, 241, 41, 61, 230, 65, 66, 214, 90, 75, 199, 115, 91, 184, 133, 103, 172}},
    {{9, 2}, {4, 3}, {31,  6,   236, 106, 45,  189, 172, 137, 137, 61,  165, 90,  37,  21,  233, 112, 60, 186,
                      178, 142, 134, 67,  125, 87,  42,  35,  229, 117, 74,  182, 183, 147, 130, 72,  84, 83}},
};

TEST(PrepareInputTest, AgreesWithPil) {
  for (const PilCase& pil : kPilCases) {
    const std::vector<float> input = Prepared(TestPicture::Pattern(pil.from.width, pil.from.height),
                                              PlainSpec(pil.to.width, pil.to.height, /*channels_last=*/true));
    ASSERT_EQ(input.size(), pil.rgb.size());
    for (size_t i = 0; i < input.size(); ++i) EXPECT_NEAR(input[i], pil.rgb[i], 1.01f) << pil.from.width << " " << i;
  }
}

TEST(PrepareInputTest, ChannelsLastIsTheSameInAnotherOrder) {
  const TestPicture picture = TestPicture::Random(31, 17, 1);
  const std::vector<float> planes = Prepared(picture, PlainSpec(6, 5));
  const std::vector<float> pixels = Prepared(picture, PlainSpec(6, 5, true));
  for (size_t c = 0; c < 3; ++c) {
    for (size_t i = 0; i < 30; ++i) EXPECT_EQ(planes[c * 30 + i], pixels[i * 3 + c]);
  }
}

TEST(PrepareInputTest, RowPaddingIsNotRead) {
  const TestPicture dense = TestPicture::Random(33, 21, 2), padded = TestPicture::Random(33, 21, 2, 13);
  EXPECT_EQ(Prepared(dense, PlainSpec(7, 9)), Prepared(padded, PlainSpec(7, 9)));
}

TEST(PrepareInputTest, ExtremeAspectRatios) {
  for (const Extent extent : {Extent{1, 5000}, Extent{5000, 1}, Extent{1, 1}}) {
    const TestPicture picture = TestPicture::Filled(extent.width, extent.height, {200, 0, 0, 255});
    for (const float value : Prepared(picture, PlainSpec(16, 16))) {
      ASSERT_TRUE(std::abs(value - 200) < 1e-3f || value == 0) << value;
    }
  }
}

TEST(PrepareInputTest, SameResultWhateverTheThreads) {
  const TestPicture picture = TestPicture::Random(301, 203, 3);
  const auto pool = MakeThreadPool(3);
  EXPECT_EQ(Prepared(picture, PlainSpec(64, 48)), Prepared(picture, PlainSpec(64, 48), *pool));
}

TEST(PrepareInputTest, RefusesWhatMakesNoSense) {
  const TestPicture picture = TestPicture::Filled(4, 4, {1, 2, 3, 255});
  std::vector<float> input(12);
  const auto code = [&](ImageView view, const InputSpec& spec, size_t floats) {
    const Status status = PrepareInput(view, spec, std::span(input).first(floats), SerialRunner());
    return status ? std::string("ok") : ErrorCodeName(status.error().code);
  };
  EXPECT_EQ(code(picture.view(), PlainSpec(2, 2), 12), "ok");
  EXPECT_EQ(code(picture.view(), PlainSpec(2, 2), 11), "invalid-argument");
  EXPECT_EQ(code(picture.view(), PlainSpec(0, 2), 0), "invalid-argument");
  EXPECT_EQ(code({}, PlainSpec(2, 2), 12), "invalid-argument");
  EXPECT_EQ(code({picture.view().data, 4, 4, 15}, PlainSpec(2, 2), 12), "invalid-argument");
  EXPECT_EQ(code(picture.view(), {{2, 2}, {0, 0, 0}, {1, 0, 1}}, 12), "invalid-argument");
}

TEST(PreviewExtentTest, ReducesTheLongSideOnly) {
  EXPECT_EQ(PreviewExtent({900, 600}, 450), (Extent{450, 300}));
  EXPECT_EQ(PreviewExtent({600, 900}, 450), (Extent{300, 450}));
  EXPECT_EQ(PreviewExtent({450, 450}, 450), (Extent{450, 450}));
  EXPECT_EQ(PreviewExtent({30, 20}, 450), (Extent{30, 20}));
  EXPECT_EQ(PreviewExtent({100000, 1}, 450), (Extent{450, 1}));
}

TEST(ResizeImageTest, OpaquePicturesAgreeWithPil) {
  for (const PilCase& pil : kPilCases) {
    TestPicture out(pil.to.width, pil.to.height, 8);
    ASSERT_TRUE(
        ResizeImage(TestPicture::Pattern(pil.from.width, pil.from.height).view(), out.mutable_view(), SerialRunner()));
    EXPECT_TRUE(out.PaddingIntact());
    for (int y = 0; y < out.height(); ++y) {
      for (int x = 0; x < out.width(); ++x) {
        for (int c = 0; c < 3; ++c) {
          EXPECT_NEAR(out.at(x, y)[static_cast<size_t>(c)], pil.rgb[static_cast<size_t>((y * out.width() + x) * 3 + c)],
                      1);
        }
        EXPECT_EQ(out.at(x, y)[3], 255);
      }
    }
  }
}

TEST(ResizeImageTest, HiddenColoursDoNotBleed) {
  TestPicture picture(2, 2);
  picture.ForEach([](int x, int) { return x == 0 ? Rgba{200, 100, 50, 255} : Rgba{0, 255, 255, 0}; });
  TestPicture out(1, 1);
  ASSERT_TRUE(ResizeImage(picture.view(), out.mutable_view(), SerialRunner()));
  EXPECT_EQ(out.at(0, 0), (Rgba{200, 100, 50, 128}));
}

TEST(ResizeImageTest, TransparentIsZero) {
  TestPicture out(3, 3);
  ASSERT_TRUE(ResizeImage(TestPicture::Filled(9, 9, {9, 9, 9, 0}).view(), out.mutable_view(), SerialRunner()));
  EXPECT_EQ(std::count(out.bytes().begin(), out.bytes().end(), 0), 36);
}

TEST(ResizeImageTest, SameSizeIsTheSamePicture) {
  const TestPicture picture = TestPicture::Random(19, 7, 4);
  TestPicture out(19, 7);
  ASSERT_TRUE(ResizeImage(picture.view(), out.mutable_view(), SerialRunner()));
  for (int y = 0; y < 7; ++y) {
    for (int x = 0; x < 19; ++x) {
      EXPECT_EQ(out.at(x, y), picture.at(x, y)[3] == 0 ? Rgba{} : picture.at(x, y));
    }
  }
}

TEST(ResizeImageTest, SameResultWhateverTheThreads) {
  const TestPicture picture = TestPicture::Random(211, 307, 5);
  TestPicture serial(50, 60), parallel(50, 60);
  const auto pool = MakeThreadPool(4);
  ASSERT_TRUE(ResizeImage(picture.view(), serial.mutable_view(), SerialRunner()));
  ASSERT_TRUE(ResizeImage(picture.view(), parallel.mutable_view(), *pool));
  EXPECT_EQ(serial.bytes(), parallel.bytes());
}

}  // namespace
}  // namespace decal
