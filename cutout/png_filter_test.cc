// Filtered rows are undone as a PNG reader does it, and the choice of filters is checked on pictures made for each.
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "cutout/png_filter.h"
#include "cutout/test_picture.h"

namespace decal {
namespace {

using testing::Rgba;
using testing::TestPicture;

std::vector<uint8_t> Filtered(const TestPicture& picture, int first, int count, ThreadRunner& runner = SerialRunner()) {
  std::vector<uint8_t> out(static_cast<size_t>(count) * (4 * static_cast<size_t>(picture.width()) + 1));
  FilterPngRows(picture.bytes().data(), picture.width(), first, count, out.data(), runner);
  return out;
}

// The decoder's side (RFC 2083, 6.2 to 6.6), plainly. `above` is the decoded row above.
std::vector<uint8_t> Unfilter(const uint8_t* row, size_t bytes, const std::vector<uint8_t>& above) {
  const uint8_t filter = *row++;
  std::vector<uint8_t> decoded(bytes);
  for (size_t i = 0; i < bytes; ++i) {
    const int a = i >= 4 ? decoded[i - 4] : 0, b = above[i], c = i >= 4 ? above[i - 4] : 0;
    int predicted = 0;
    if (filter == 1) predicted = a;
    if (filter == 2) predicted = b;
    if (filter == 3) predicted = (a + b) / 2;
    if (filter == 4) {
      const int p = a + b - c, pa = std::abs(p - a), pb = std::abs(p - b), pc = std::abs(p - c);
      predicted = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
    }
    EXPECT_LE(filter, 4);
    decoded[i] = static_cast<uint8_t>(row[i] + predicted);
  }
  return decoded;
}

std::vector<uint8_t> UnfilterAll(const std::vector<uint8_t>& filtered, int width) {
  const size_t bytes = 4 * static_cast<size_t>(width);
  std::vector<uint8_t> above(bytes), all;
  for (size_t at = 0; at < filtered.size(); at += bytes + 1) {
    above = Unfilter(filtered.data() + at, bytes, above);
    all.insert(all.end(), above.begin(), above.end());
  }
  return all;
}

TEST(PngFilterTest, RoundTrip) {
  for (const int width : {1, 2, 5, 64, 333}) {
    const TestPicture noise = TestPicture::Random(width, 9, static_cast<uint32_t>(width));
    EXPECT_EQ(UnfilterAll(Filtered(noise, 0, 9), width), noise.bytes());
    const TestPicture pattern = TestPicture::Pattern(width, 9);
    EXPECT_EQ(UnfilterAll(Filtered(pattern, 0, 9), width), pattern.bytes());
  }
}

TEST(PngFilterTest, PiecesMakeTheWhole) {
  const TestPicture picture = TestPicture::Random(37, 10, 7);
  std::vector<uint8_t> pieces = Filtered(picture, 0, 3);
  for (const auto& [first, count] : {std::pair{3, 1}, std::pair{4, 6}}) {
    const std::vector<uint8_t> piece = Filtered(picture, first, count);
    pieces.insert(pieces.end(), piece.begin(), piece.end());
  }
  EXPECT_EQ(pieces, Filtered(picture, 0, 10));
}

TEST(PngFilterTest, SameResultWhateverTheThreads) {
  const TestPicture picture = TestPicture::Random(50, 40, 8);
  const auto pool = MakeThreadPool(3);
  EXPECT_EQ(Filtered(picture, 0, 40), Filtered(picture, 0, 40, *pool));
}

int FilterOfRowOne(const TestPicture& picture) { return Filtered(picture, 1, 1)[0]; }

TEST(PngFilterTest, ChoosesTheFilterThatFits) {
  const auto grey = [](int value) {
    const uint8_t v = static_cast<uint8_t>(value);
    return Rgba{v, v, v, v};
  };
  std::mt19937 random(9);
  std::vector<int> noise(256);
  for (int& v : noise) v = static_cast<int>(random() % 256);
  const auto at = [&](int i) { return noise[static_cast<size_t>(i)]; };

  TestPicture picture(64, 2);
  picture.ForEach([&](int x, int y) { return y == 0 ? grey(at(x)) : grey(x % 3); });
  EXPECT_EQ(FilterOfRowOne(picture), 0);  // small values below noise
  picture.ForEach([&](int x, int y) { return y == 0 ? grey(at(x)) : grey(100); });
  EXPECT_EQ(FilterOfRowOne(picture), 1);  // a flat row below noise
  picture.ForEach([&](int x, int) { return grey(at(x)); });
  EXPECT_EQ(FilterOfRowOne(picture), 2);  // the row above again
  int left = 0;
  picture.ForEach([&](int x, int y) {
    if (y == 0) return grey(at(x));
    left = (left + at(x)) / 2;
    return grey(left);
  });
  EXPECT_EQ(FilterOfRowOne(picture), 3);  // the average of left and above
  picture.ForEach([&](int x, int y) { return y == 0 ? grey(x < 32 ? at(x) : 0) : grey(x < 32 ? at(x) : 200); });
  EXPECT_EQ(FilterOfRowOne(picture), 4);  // above in the left half, left in the right half
}

}  // namespace
}  // namespace decal
