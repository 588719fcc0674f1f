// Filtered rows are undone as a PNG reader does it and compared with a plain encoder on every SIMD target, and the
// choice of filters is checked on pictures made for each.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <vector>

#include "decal/png_filter.h"
#include "cutout/test_picture.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using testing::Rgba;
using testing::TestPicture;

std::vector<uint8_t> Filtered(const TestPicture& picture, int first, int count, ThreadRunner& runner = SerialRunner()) {
  std::vector<uint8_t> out(static_cast<size_t>(count) * (4 * static_cast<size_t>(picture.width()) + 1));
  FilterPngRows(picture.bytes().data(), picture.width(), first, count, out.data(), runner);
  return out;
}

// What filter `filter` (RFC 2083, 6.2 to 6.6) predicts from the bytes to the left, above, and above left.
int Predict(int filter, int a, int b, int c) {
  if (filter == 1) return a;
  if (filter == 2) return b;
  if (filter == 3) return (a + b) / 2;
  if (filter == 4) {
    const int p = a + b - c, pa = std::abs(p - a), pb = std::abs(p - b), pc = std::abs(p - c);
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
  }
  return 0;
}

// The encoder's side, plainly: a row and the number of its filter before it.
std::vector<uint8_t> ReferenceFiltered(const TestPicture& picture, int y) {
  std::vector<uint8_t> best;
  int best_score = -1;
  for (int filter = 0; filter < 5; ++filter) {
    std::vector<uint8_t> filtered = {static_cast<uint8_t>(filter)};
    int score = 0;
    for (int x = 0; x < picture.width(); ++x) {
      const Rgba none{}, a = x > 0 ? picture.at(x - 1, y) : none, b = y > 0 ? picture.at(x, y - 1) : none;
      const Rgba c = x > 0 && y > 0 ? picture.at(x - 1, y - 1) : none;
      for (size_t i = 0; i < 4; ++i) {
        filtered.push_back(static_cast<uint8_t>(picture.at(x, y)[i] - Predict(filter, a[i], b[i], c[i])));
        score += std::abs(static_cast<int8_t>(filtered.back()));
      }
    }
    if (best_score >= 0 && score >= best_score) continue;
    best_score = score;
    best = std::move(filtered);
  }
  return best;
}

void ExpectFilteredAsReference(const TestPicture& picture) {
  std::vector<uint8_t> expected;
  for (int y = 0; y < picture.height(); ++y) {
    const std::vector<uint8_t> row = ReferenceFiltered(picture, y);
    expected.insert(expected.end(), row.begin(), row.end());
  }
  ASSERT_EQ(Filtered(picture, 0, picture.height()), expected) << picture.width() << " x " << picture.height();
}

// The decoder's side, plainly. `above` is the decoded row above.
std::vector<uint8_t> Unfilter(const uint8_t* row, size_t bytes, const std::vector<uint8_t>& above, size_t pixel = 4) {
  const uint8_t filter = *row++;
  std::vector<uint8_t> decoded(bytes);
  for (size_t i = 0; i < bytes; ++i) {
    const int a = i >= pixel ? decoded[i - pixel] : 0, b = above[i], c = i >= pixel ? above[i - pixel] : 0;
    EXPECT_LE(filter, 4);
    decoded[i] = static_cast<uint8_t>(row[i] + Predict(filter, a, b, c));
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

TEST(PngFilterTest, AgreesWithAPlainEncoderOnEveryTarget) {
  testing::ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(3));
    for (int width = 1; width <= 70; ++width) {
      ExpectFilteredAsReference(TestPicture::Random(width, 3, static_cast<uint32_t>(width)));
      ExpectFilteredAsReference(TestPicture::Pattern(width, 4));
      // Slopes with noise, and nothing at all in half of the pixels: what cut-outs are made of.
      TestPicture cutout(width, 6);
      cutout.ForEach([&](int x, int y) {
        if ((x + y) % 20 < 10) return Rgba{};
        const auto value = [&](int slope) { return static_cast<uint8_t>(slope + static_cast<int>(random() % 8)); };
        return Rgba{value(3 * x), value(5 * y), value(x + y), 255};
      });
      ExpectFilteredAsReference(cutout);
    }
  });
}

// Slopes of grey and RGB, whose neighbour to the left is one and three bytes away: each filter is chosen somewhere.
TEST(PngFilterTest, GreyAndRgbOnEveryTarget) {
  testing::ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(4));
    for (const int channels : {1, 3}) {
      std::array<int, 5> chosen{};
      for (int width = 1; width <= 90; ++width) {
        const auto bytes = static_cast<size_t>(width) * static_cast<size_t>(channels);
        std::vector<uint8_t> above(bytes), row(bytes), filtered(bytes + 1);
        const int across = width % 3, down = width % 4;
        for (size_t i = 0; i < bytes; ++i) {
          const auto x = static_cast<uint32_t>(i) / static_cast<uint32_t>(channels),
                     level = static_cast<uint32_t>(across) * 7 * x;
          const auto noise = width % 5 == 0 ? static_cast<uint32_t>(random()) : static_cast<uint32_t>(random() % 2);
          above[i] = static_cast<uint8_t>(level + noise);
          row[i] = static_cast<uint8_t>(level + static_cast<uint32_t>(down) * 40 + noise);
        }
        FilterPngRow(row.data(), above.data(), width, channels, filtered.data());
        ++chosen[filtered[0]];
        EXPECT_EQ(Unfilter(filtered.data(), bytes, above, static_cast<size_t>(channels)), row) << width;
        FilterPngRow(row.data(), nullptr, width, channels, filtered.data());
        EXPECT_EQ(Unfilter(filtered.data(), bytes, std::vector<uint8_t>(bytes), static_cast<size_t>(channels)), row);
      }
      for (const int filter : {0, 1, 2, 4}) EXPECT_GT(chosen[static_cast<size_t>(filter)], 0) << filter;
    }
  });
}

// Many combinations of 36 values for left, above and above left, at the ends and in the middle of the range. In every
// other pixel the predictor is exact, so that its filter is the one that is chosen.
TEST(PngFilterTest, PredictorsOnExtremeValues) {
  std::vector<int> values;
  for (int i = 0; i < 9; ++i) values.insert(values.end(), {i, 100 + i, 124 + i, 247 + i});
  const int n = static_cast<int>(values.size());
  const auto value = [&](int i) { return values[static_cast<size_t>(i % n)]; };
  for (const int filter : {1, 2, 3, 4}) {
    // Rows in pairs: a row of above left and above by turns, and one of left and what is predicted.
    TestPicture picture(2 * n, 2 * n * n / 4);
    for (int pair = 0; 2 * pair < picture.height(); ++pair) {
      for (int x = 0; x < n; ++x) {
        Rgba a{}, b{}, c{}, predicted{};
        for (size_t i = 0; i < 4; ++i) {
          const int combination = 4 * pair + static_cast<int>(i);
          a[i] = static_cast<uint8_t>(value(x)), b[i] = static_cast<uint8_t>(value(combination));
          c[i] = static_cast<uint8_t>(value(combination / n));
          predicted[i] = static_cast<uint8_t>(Predict(filter, a[i], b[i], c[i]));
        }
        picture.set(2 * x, 2 * pair, c);
        picture.set(2 * x + 1, 2 * pair, b);
        picture.set(2 * x, 2 * pair + 1, a);
        picture.set(2 * x + 1, 2 * pair + 1, predicted);
      }
    }
    int chosen = 0;
    for (int y = 1; y < picture.height(); y += 2) chosen += ReferenceFiltered(picture, y)[0] == filter;
    EXPECT_GT(chosen, picture.height() / 8) << "filter " << filter;
    testing::ForEachSimdTarget([&] { ExpectFilteredAsReference(picture); });
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
  std::mt19937 random(testing::TestSeed(9));
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
