// Whatever a picture is stored as, it decodes to the same upright sRGB RGBA8; damage is an error, never half a picture.
// SPDX-License-Identifier: MIT
#include "cli/picture_io.h"

#include <gtest/gtest.h>
#include <vips/vips8>

#include <array>
#include <cstring>
#include <ostream>

namespace decal::cli {
namespace {

using vips::VImage;
using Bytes = std::vector<std::byte>;
using Pixel = std::array<int, 4>;

constexpr int kWidth = 48, kHeight = 32;

Bytes TakeBlob(VipsBlob* blob) {
  size_t size = 0;
  const auto* data = static_cast<const std::byte*>(vips_blob_get(blob, &size));
  Bytes bytes(data, data + size);
  vips_area_unref(VIPS_AREA(blob));
  return bytes;
}

VImage Flat(const std::vector<double>& colour) {
  return VImage::black(16, 16)
      .new_from_image(colour)
      .cast(VIPS_FORMAT_UCHAR)
      .copy(VImage::option()->set("interpretation",
                                  colour.size() < 3 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB));
}

// Red on the left, blue on the right.
VImage TwoSides() {
  const VImage red = VImage::black(kWidth / 2, kHeight).new_from_image({200, 20, 20});
  const VImage blue = VImage::black(kWidth / 2, kHeight).new_from_image({20, 20, 200});
  return red.join(blue, VIPS_DIRECTION_HORIZONTAL)
      .cast(VIPS_FORMAT_UCHAR)
      .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
}

Bytes Noise(const char* suffix) {
  const VImage noise = VImage::gaussnoise(256, 256, VImage::option()->set("seed", 1)).cast(VIPS_FORMAT_UCHAR);
  void* data = nullptr;
  size_t size = 0;
  noise.write_to_buffer(suffix, &data, &size);
  const Bytes bytes(static_cast<std::byte*>(data), static_cast<std::byte*>(data) + size);
  g_free(data);
  return bytes;
}

class PictureIo : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitPictures("picture_io_test", 1)); }

  // The pixel of a decoded file; a failure shows its reason.
  static Pixel At(const Bytes& file, int x, int y) {
    auto picture = DecodePicture(file, "test");
    if (!picture) {
      ADD_FAILURE() << picture.error().message;
      return {};
    }
    const uint8_t* pixel = picture->view().row(y) + 4 * x;
    return {pixel[0], pixel[1], pixel[2], pixel[3]};
  }

  static void ExpectNear(const Pixel& got, const Pixel& want, int tolerance) {
    for (int i = 0; i < 4; ++i) EXPECT_NEAR(got[i], want[i], tolerance) << "channel " << i;
  }

  static ErrorCode CodeOf(const Bytes& file) {
    const auto picture = DecodePicture(file, "test");
    return picture ? ErrorCode::kInternal : picture.error().code;
  }
};

TEST_F(PictureIo, AppliesExifOrientation) {
  // 6: to be turned clockwise for viewing, so the left side comes to the top.
  VImage turned = TwoSides().copy();
  turned.set("orientation", 6);
  const Bytes file = TakeBlob(turned.jpegsave_buffer(VImage::option()->set("Q", 95)));
  const auto picture = DecodePicture(file, "test");
  ASSERT_TRUE(picture);
  EXPECT_EQ(picture->width, kHeight);
  EXPECT_EQ(picture->height, kWidth);
  ExpectNear(At(file, kHeight / 2, 4), {200, 20, 20, 255}, 12);
  ExpectNear(At(file, kHeight / 2, kWidth - 5), {20, 20, 200, 255}, 12);
}

TEST_F(PictureIo, GreyAndGreyWithAlpha) {
  ExpectNear(At(TakeBlob(Flat({90}).pngsave_buffer()), 3, 3), {90, 90, 90, 255}, 0);
  ExpectNear(At(TakeBlob(Flat({90, 40}).pngsave_buffer()), 3, 3), {90, 90, 90, 40}, 0);
}

TEST_F(PictureIo, KeepsAlphaAndTheColoursUnderIt) {
  ExpectNear(At(TakeBlob(Flat({10, 120, 240, 0}).pngsave_buffer()), 3, 3), {10, 120, 240, 0}, 0);
  ExpectNear(At(TakeBlob(Flat({10, 120, 240, 77}).pngsave_buffer()), 3, 3), {10, 120, 240, 77}, 0);
}

TEST_F(PictureIo, SixteenBit) {
  const auto flat = [](const std::vector<double>& colour, VipsInterpretation interpretation) {
    const VImage image = VImage::black(8, 8).cast(VIPS_FORMAT_USHORT).new_from_image(colour);
    return TakeBlob(image.copy(VImage::option()->set("interpretation", interpretation)).pngsave_buffer());
  };
  const double unit = 257;  // 8-bit value v is v * 257 in 16 bits
  ExpectNear(At(flat({20 * unit, 100 * unit, 250 * unit, 60 * unit}, VIPS_INTERPRETATION_RGB16), 3, 3),
             {20, 100, 250, 60}, 1);
  ExpectNear(At(flat({130 * unit}, VIPS_INTERPRETATION_GREY16), 3, 3), {130, 130, 130, 255}, 1);
}

TEST_F(PictureIo, Cmyk) {
  // Without a profile each ink takes away its complement, as in browsers.
  const auto cmyk = [](const std::vector<double>& inks) {
    const VImage image = VImage::black(16, 16)
                             .new_from_image(inks)
                             .cast(VIPS_FORMAT_UCHAR)
                             .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_CMYK));
    return TakeBlob(image.jpegsave_buffer());
  };
  ExpectNear(At(cmyk({0, 0, 0, 0}), 3, 3), {255, 255, 255, 255}, 6);
  ExpectNear(At(cmyk({0, 0, 0, 255}), 3, 3), {0, 0, 0, 255}, 2);
  ExpectNear(At(cmyk({255, 0, 0, 0}), 3, 3), {0, 255, 255, 255}, 2);
}

TEST_F(PictureIo, ConvertsIccProfilesToSrgb) {
  // A saturated sRGB green written in Display P3 has other numbers; decoded it is itself again.
  const VImage p3 = Flat({60, 190, 70}).icc_transform("p3", VImage::option()->set("input_profile", "srgb"));
  const Bytes file = TakeBlob(p3.pngsave_buffer());
  ASSERT_NE(p3(3, 3)[0], 60) << "the profile must matter for this test";
  ExpectNear(At(file, 3, 3), {60, 190, 70, 255}, 2);
}

TEST_F(PictureIo, IgnoresABrokenProfile) {
  VImage image = Flat({60, 190, 70}).copy();
  std::array<char, 200> junk{};
  vips_image_set_blob_copy(image.get_image(), VIPS_META_ICC_NAME, junk.data(), junk.size());
  ExpectNear(At(TakeBlob(image.tiffsave_buffer()), 3, 3), {60, 190, 70, 255}, 0);
}

TEST_F(PictureIo, RefusesWhatIsNoPicture) {
  EXPECT_EQ(CodeOf({}), ErrorCode::kCorruptImage);
  EXPECT_EQ(CodeOf(Bytes(1000, std::byte{'a'})), ErrorCode::kCorruptImage);
}

TEST_F(PictureIo, RefusesTruncatedAndDamagedFiles) {
  for (const char* suffix : {".jpg", ".png", ".webp", ".tif"}) {
    const Bytes whole = Noise(suffix);
    ASSERT_TRUE(DecodePicture(whole, "test")) << suffix;
    for (const double part : {0.02, 0.3, 0.6, 0.9}) {
      const Bytes half(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(part * static_cast<double>(whole.size())));
      EXPECT_EQ(CodeOf(half), ErrorCode::kCorruptImage) << suffix << " cut at " << part;
    }
  }
  Bytes flipped = Noise(".png");
  for (size_t i = flipped.size() / 2; i < flipped.size() / 2 + 64; ++i) flipped[i] ^= std::byte{0xff};
  EXPECT_EQ(CodeOf(flipped), ErrorCode::kCorruptImage);
}

TEST_F(PictureIo, EncodesEveryFormatLosslesslyWhereItCan) {
  std::array<uint8_t, 4 * 4> rgba{10, 120, 240, 77, 0, 0, 0, 0, 255, 255, 255, 255, 1, 2, 3, 254};
  const ImageView view{rgba.data(), 2, 2, 8};
  const auto png = EncodePicture(view, {});
  ASSERT_TRUE(png);
  auto decoded = DecodePicture(*png, "test");
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::memcmp(decoded->rgba.get(), rgba.data(), rgba.size()), 0);

  for (const auto format : {PictureFormat::kPng, PictureFormat::kWebp, PictureFormat::kJpeg}) {
    for (const auto channels : {PictureChannels::kGrey, PictureChannels::kRgb}) {
      const auto file = EncodePicture(view, {.format = format, .channels = channels});
      ASSERT_TRUE(file) << file.error().message;
      decoded = DecodePicture(*file, "test");
      ASSERT_TRUE(decoded) << decoded.error().message;
      EXPECT_EQ(decoded->width, 2);
      EXPECT_EQ(decoded->rgba[3], 255) << "no alpha";
    }
  }
}

}  // namespace
}  // namespace decal::cli
