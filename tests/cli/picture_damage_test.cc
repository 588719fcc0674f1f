// Whatever bytes a file holds, decoding ends with a picture or an error: files cut at every length and with bytes changed.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <vips/vips8>

#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/picture_io.h"
#include "cli/pictures/exif.h"
#include "tests/support/seed.h"

namespace decal::cli {
namespace {

using std::literals::operator""sv;
using vips::VImage;
using Bytes = std::vector<std::byte>;

constexpr int kSide = 8;
constexpr size_t kMaxBytes = 1 << 20;  // a damaged size must not become an allocation

void Append(Bytes& to, std::string_view text) {
  for (const char c : text) to.push_back(static_cast<std::byte>(c));
}

void Little(Bytes& to, uint32_t value, int size) {
  for (int i = 0; i < size; ++i) to.push_back(static_cast<std::byte>(value >> (8 * i)));
}

VImage Picture8(int bands) {
  std::vector<VImage> planes;
  for (int i = 0; i < bands; ++i) planes.push_back(VImage::gaussnoise(kSide, kSide, VImage::option()->set("seed", i)));
  return VImage::bandjoin(planes)
      .cast(VIPS_FORMAT_UCHAR)
      .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
}

Bytes Saved(const std::string& suffix, int bands = 3) {
  void* data = nullptr;
  size_t size = 0;
  Picture8(bands).write_to_buffer(suffix.c_str(), &data, &size);
  Bytes bytes(static_cast<std::byte*>(data), static_cast<std::byte*>(data) + size);
  g_free(data);
  return bytes;
}

// A bitmap with header `size`, of 16 palette entries where it has 8 bits or less; `data` are its rows.
Bytes Bitmap(uint32_t bits, uint32_t compression, size_t data, bool icon = false) {
  Bytes file;
  const uint32_t palette = bits <= 8 ? 64 : 0;
  if (!icon) {
    Append(file, "BM");
    for (const uint32_t value : {0u, 0u, 54 + palette}) Little(file, value, 4);
  }
  Little(file, 40, 4);
  Little(file, kSide, 4);
  Little(file, icon ? 2 * kSide : kSide, 4);
  Little(file, 1, 2);
  Little(file, bits, 2);
  for (const uint32_t value : {compression, 0u, 2835u, 2835u, palette / 4, 0u}) Little(file, value, 4);
  for (size_t i = 0; i < palette + data; ++i) file.push_back(static_cast<std::byte>(i * 7 % 251));
  return file;
}

// Every row a run of 5, 3 pixels apart and the end of the line.
Bytes Runs(uint32_t bits, uint32_t compression) {
  Bytes file = Bitmap(bits, compression, 0);
  for (int y = 0; y < kSide; ++y) {
    Append(file, bits == 8 ? "\5\1\0\3\1\2\3\0\0\0"sv : "\5\1\0\3\1\2\0\0"sv);
  }
  return file;
}

Bytes Icon() {
  Bytes file;
  const Bytes dib = Bitmap(32, 0, kSide * kSide * 4 + kSide * 4, true);
  for (const uint32_t value : {0u, 1u, 1u}) Little(file, value, 2);
  for (const uint32_t value : {uint32_t{kSide}, uint32_t{kSide}, 0u, 0u}) Little(file, value, 1);
  Little(file, 1, 2);
  Little(file, 32, 2);
  Little(file, static_cast<uint32_t>(dib.size()), 4);
  Little(file, 22, 4);
  file.insert(file.end(), dib.begin(), dib.end());
  return file;
}

Bytes Text(std::string_view header, size_t data) {
  Bytes file;
  Append(file, header);
  for (size_t i = 0; i < data; ++i) file.push_back(static_cast<std::byte>(i * 31));
  return file;
}

// Every pixel whole.
Bytes Qoi() {
  Bytes file = Text("qoif\0\0\0\x08\0\0\0\x08\4\0"sv, 0);
  for (int i = 0; i < kSide * kSide; ++i) Append(file, "\xff\1\2\3\4");
  Append(file, "\0\0\0\0\0\0\0\1"sv);
  return file;
}

std::vector<std::pair<std::string, Bytes>> Files() {
  std::vector<std::pair<std::string, Bytes>> files = {
      {"png", Saved(".png")},
      {"jpeg", Saved(".jpg")},
      {"webp", Saved(".webp")},
      {"gif", Saved(".gif")},
      {"tiff", Saved(".tif")},
      {"tiff-lzw", Saved(".tif[compression=lzw,tile,tile-width=16,tile-height=16]", 4)},
      {"bmp24", Bitmap(24, 0, kSide * kSide * 3)},
      {"bmp8", Bitmap(8, 0, kSide * kSide)},
      {"bmp-rle8", Runs(8, 1)},
      {"bmp-rle4", Runs(4, 2)},
      {"bmp16", Bitmap(16, 0, kSide * kSide * 2)},
      {"icon", Icon()},
      {"ppm", Text("P6 8 8 255\n", 192)},
      {"pgm", Text("P2\n2 2 9\n1 2 3 4\n", 0)},
      {"pbm", Text("P1\n4 2\n0101 1010\n", 0)},
      {"pam", Text("P7\nWIDTH 8\nHEIGHT 8\nDEPTH 4\nMAXVAL 255\nENDHDR\n", 256)},
      {"pfm", Text("Pf 8 8 -1.0\n", 256)},
      {"qoi", Qoi()},
      {"svg", Text("<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/>", 0)},
  };
  return files;
}

class PictureDamage : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitPictures("picture_damage_test", 1)); }

  static bool Decodes(const Bytes& file) {
    const auto picture = DecodePicture(file, "test", {.max_bytes = kMaxBytes, .metadata = true, .own_colours = true});
    if (!picture) EXPECT_FALSE(picture.error().message.empty());
    if (picture) EXPECT_TRUE(picture->rgba && picture->width > 0 && picture->height > 0);
    return picture.has_value();
  }
};

TEST_F(PictureDamage, FilesCutAtEveryLength) {
  for (const auto& [name, whole] : Files()) {
    ASSERT_TRUE(Decodes(whole)) << name;
    for (size_t size = 0; size < whole.size(); size += whole.size() > 2000 ? 37 : 1) {
      // A copy of that size: what is read past the end is found by the sanitizer.
      Decodes(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)));
    }
    EXPECT_FALSE(Decodes(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(whole.size() / 2)))) << name;
  }
}

TEST_F(PictureDamage, FilesWithBytesChanged) {
  std::mt19937 random(testing::TestSeed(7));
  for (const auto& [name, whole] : Files()) {
    for (int run = 0; run < 150; ++run) {
      Bytes file = whole;
      for (unsigned i = 0; i <= random() % 4; ++i) {
        // Most of what matters stands at the beginning.
        const size_t at = random() % (random() % 2 == 0 ? std::min<size_t>(file.size(), 64) : file.size());
        file[at] = static_cast<std::byte>(random());
      }
      Decodes(file);
    }
  }
}

TEST_F(PictureDamage, ExifOfAnyBytes) {
  std::mt19937 random(testing::TestSeed(11));
  for (int run = 0; run < 2000; ++run) {
    Bytes exif;
    Append(exif, run % 2 == 0 ? "II*\0\x08\0\0\0"sv : "MM\0*\0\0\0\x08"sv);
    while (exif.size() < 8 + random() % 100)
      exif.push_back(static_cast<std::byte>(random() % 4 == 0 ? random() : random() % 16));
    ReadExif(exif);
    const Bytes kept = ExifToKeep(exif);
    EXPECT_TRUE(kept.empty() || ReadExif(kept).orientation == 1);
  }
}

// An orientation of 6, and a thumbnail of four bytes.
TEST_F(PictureDamage, ExifToKeepHasNoThumbnailAndIsUpright) {
  Bytes exif;
  Append(exif, "II*\0\x08\0\0\0"sv);
  Append(exif, "\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\x1a\0\0\0"sv);
  Append(exif, "\2\0\1\2\4\0\1\0\0\0\x38\0\0\0\2\2\4\0\1\0\0\0\4\0\0\0\0\0\0\0"sv);
  Append(exif, "JPEG");
  EXPECT_EQ(ReadExif(exif).orientation, 6);
  const Bytes kept = ExifToKeep(exif);
  ASSERT_EQ(kept.size(), exif.size());
  EXPECT_EQ(ReadExif(kept).orientation, 1);
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(kept.data()), kept.size()).find("JPEG"),
            std::string_view::npos);
}

}  // namespace
}  // namespace decal::cli
