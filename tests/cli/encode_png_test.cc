// PNG files made in strips decode to the pixels that went in, whatever their size, their channels and the number of threads.
// SPDX-License-Identifier: MIT
#include "cli/pictures/encode_png.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>
#include <span>

#include "cli/pictures/bytes.h"
#include "png/adler32.h"
#include "tests/support/seed.h"

namespace decal::cli {
namespace {

using Bytes = std::vector<std::byte>;

struct TestImage {
  int width, height;
  std::vector<uint8_t> rgba;

  ImageView view() const { return {rgba.data(), width, height, size_t{4} * static_cast<size_t>(width)}; }
};

// Noise, a gradient (each of the five filters suits one of these), or a subject on pixels of alpha 0.
TestImage Random(std::mt19937& random, int width, int height) {
  TestImage image{width, height,
                  std::vector<uint8_t>(size_t{4} * static_cast<size_t>(width) * static_cast<size_t>(height))};
  const auto kind = random() % 4;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      uint8_t* pixel =
          image.rgba.data() + (static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * 4;
      if (kind == 3 && (x < width / 4 || y > height / 2)) continue;  // stays transparent black
      for (int c = 0; c < 4; ++c) {
        const auto gradient = static_cast<uint32_t>(kind == 0 ? 3 * x : kind == 1 ? 5 * y : 2 * x + 3 * y);
        pixel[c] = static_cast<uint8_t>(kind == 3 ? random() : gradient + static_cast<uint32_t>(c) * 40 + random() % 3);
      }
    }
  }
  return image;
}

class EncodePngTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitPictures("encode_png_test", 1)); }

  static void ExpectRoundTrip(const TestImage& image, PictureChannels channels, ThreadRunner& runner) {
    SCOPED_TRACE(::testing::Message() << image.width << " x " << image.height << ", channels "
                                      << static_cast<int>(channels));
    auto file = EncodePng(image.view(), {.channels = channels, .runner = &runner});
    ASSERT_TRUE(file) << file.error().message;
    // Both again if they differ: ISA-L gives other, as valid bytes for one in some thousands of small strips, on one thread, too. What comes
    // of threads would come each time.
    bool equal = false;
    for (int i = 0; i < 5 && !equal; ++i) {
      if (i > 0) file = EncodePng(image.view(), {.channels = channels, .runner = &runner});
      const auto alone = EncodePng(image.view(), {.channels = channels});
      ASSERT_TRUE(file && alone);
      equal = *file == *alone;
    }
    EXPECT_TRUE(equal) << "the number of threads shows";
    auto decoded = DecodePicture(*file, "test");
    ASSERT_TRUE(decoded) << decoded.error().message;
    ASSERT_EQ(decoded->width, image.width);
    ASSERT_EQ(decoded->height, image.height);
    for (size_t i = 0; i < image.rgba.size(); ++i) {
      const uint8_t expected = channels == PictureChannels::kRgba  ? image.rgba[i]
                               : i % 4 == 3                        ? uint8_t{255}
                               : channels == PictureChannels::kRgb ? image.rgba[i]
                                                                   : image.rgba[i / 4 * 4];
      ASSERT_EQ(decoded->rgba[i], expected) << "byte " << i;
    }
  }
};

TEST_F(EncodePngTest, RandomPicturesComeBack) {
  std::mt19937 random(testing::TestSeed(7));
  const auto runner = MakeThreadPool(3);
  for (int i = 0; i < 200; ++i) {
    const int width = 1 + static_cast<int>(random() % 70), height = 1 + static_cast<int>(random() % 70);
    ExpectRoundTrip(Random(random, width, height), static_cast<PictureChannels>(i % 3), *runner);
  }
  ExpectRoundTrip(Random(random, 1, 1), PictureChannels::kRgba, *runner);
}

// Rows of 10,000 pixels make 27 rows a strip for RGBA; 70 rows are two whole ones and a part. 105 rows of RGB are three whole ones.
TEST_F(EncodePngTest, PicturesOfSeveralStripsComeBack) {
  std::mt19937 random(testing::TestSeed(8));
  const auto runner = MakeThreadPool(4);
  ExpectRoundTrip(Random(random, 10000, 70), PictureChannels::kRgba, *runner);
  ExpectRoundTrip(Random(random, 9986, 105), PictureChannels::kRgb, *runner);
  ExpectRoundTrip(Random(random, 10000, 300), PictureChannels::kGrey, *runner);
}

// Decoders of PNG may not look at it.
TEST_F(EncodePngTest, TheStreamHasTheChecksumOfItsBytes) {
  std::mt19937 random(testing::TestSeed(12));
  const TestImage image = Random(random, 9000, 90);  // four strips
  const auto runner = MakeThreadPool(2);
  const auto file = EncodePng(image.view(), {.runner = runner.get()});
  ASSERT_TRUE(file);
  Bytes stream;
  const Numbers numbers(*file, true);
  for (size_t at = 8; at + 12 <= file->size(); at += size_t{numbers.U32(at)} + 12) {
    if (!HasAt(*file, at + 4, "IDAT")) continue;
    const auto data = ByteSpan(*file).subspan(at + 8, numbers.U32(at));
    stream.insert(stream.end(), data.begin(), data.end());
  }
  std::vector<uint8_t> filtered(size_t{90} * (4 * 9000 + 1));
  uLongf size = filtered.size();
  ASSERT_EQ(uncompress(filtered.data(), &size, reinterpret_cast<const Bytef*>(stream.data()), stream.size()), Z_OK);
  EXPECT_EQ(size, filtered.size());
}

TEST(Adler32Test, PartsCombineToThatOfTheWhole) {
  std::mt19937 random(testing::TestSeed(13));
  for (const size_t size : {0, 1, 31, 5552, 70000}) {
    std::vector<uint8_t> bytes(size);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 4 == 0 ? random() : 255);
    const auto expected = static_cast<uint32_t>(adler32(1, bytes.data(), static_cast<uInt>(size)));
    EXPECT_EQ(Adler32(bytes), expected) << size;
    const size_t cut = size == 0 ? 0 : random() % size;
    const std::span<const uint8_t> all = bytes;
    EXPECT_EQ(CombineAdler32(Adler32(all.first(cut)), Adler32(all.subspan(cut)), size - cut), expected) << size;
  }
}

TEST_F(EncodePngTest, ARowWiderThanAStripIsAStrip) {
  std::mt19937 random(testing::TestSeed(9));
  const auto runner = MakeThreadPool(2);
  ExpectRoundTrip(Random(random, 300000, 3), PictureChannels::kRgba, *runner);
}

TEST_F(EncodePngTest, LargePicturesAreSeveralChunks) {
  std::mt19937 random(testing::TestSeed(10));
  const auto file = EncodePng(Random(random, 10000, 70).view(), {});
  ASSERT_TRUE(file);
  int chunks = 0;
  const Numbers numbers(*file, true);
  for (size_t at = 8; at + 12 <= file->size(); at += size_t{numbers.U32(at)} + 12)
    chunks += HasAt(*file, at + 4, "IDAT");
  EXPECT_EQ(chunks, 3);
}

TEST_F(EncodePngTest, DensityMetadataAndProfileStandInTheFile) {
  std::mt19937 random(testing::TestSeed(11));
  Metadata metadata;
  metadata.xmp = Bytes(100, std::byte{'x'});
  const Bytes profile(400, std::byte{'p'});
  const TestImage image = Random(random, 8, 8);
  const auto file =
      EncodePng(image.view(), {.density = Density{11811, 11811}, .metadata = &metadata, .profile = profile});
  ASSERT_TRUE(file);
  std::string names;
  const Numbers numbers(*file, true);
  for (size_t at = 8; at + 12 <= file->size(); at += size_t{numbers.U32(at)} + 12) {
    names += std::string(AsText(Slice(*file, at + 4, 4))) + " ";
    if (HasAt(*file, at + 4, "pHYs")) EXPECT_EQ(numbers.U32(at + 8), 11811u);
  }
  EXPECT_EQ(names, "IHDR iCCP pHYs iTXt IDAT IEND ");
}

}  // namespace
}  // namespace decal::cli
