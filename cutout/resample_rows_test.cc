// Resampled rows against plain loops, to the bit, on every SIMD target.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "cutout/resample.h"
#include "cutout/test_picture.h"
#include "decal/cutout.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using testing::Rgba;
using testing::TestPicture;

// The specification: the sum over rows, then the sum over columns, each in the order of its taps.
std::vector<float> ReferenceRow(const TestPicture& picture, const ResampleAxis& rows, const ResampleAxis& columns,
                                AlphaUse alpha, int y) {
  const size_t width = static_cast<size_t>(picture.width());
  std::vector<float> sums(4 * width), out;
  for (int k = 0; k < rows.taps(); ++k) {
    for (int x = 0; x < picture.width(); ++x) {
      const Rgba pixel = picture.at(x, rows.first(y) + k);
      float* sum = sums.data() + 4 * x;
      float weight = rows.weights(y)[k];
      if (alpha == AlphaUse::kWeight) {
        weight *= static_cast<float>(pixel[3]);
        sum[3] += weight;
      }
      for (size_t c = 0; c < 3; ++c) sum[c] += weight * static_cast<float>(pixel[c]);
    }
  }
  for (int x = 0; x < columns.output(); ++x) {
    for (size_t c = 0; c < 4; ++c) {
      float sum = 0;
      for (int k = 0; k < columns.taps(); ++k) {
        sum += columns.weights(x)[k] * sums[4 * static_cast<size_t>(columns.first(x) + k) + c];
      }
      out.push_back(sum);
    }
  }
  return out;
}

struct Sizes {
  Extent from, to;
};

// Reducing and enlarging, single pixels and lines, more than a block of columns, and any number left of either.
std::vector<Sizes> ManySizes() {
  std::vector<Sizes> sizes = {
      {{1, 1}, {1, 1}}, {{1, 1}, {5, 3}}, {{1, 90}, {1, 4}}, {{90, 1}, {7, 2}}, {{2085, 9}, {100, 2}}};
  std::mt19937 random(testing::TestSeed(1));
  const auto side = [&](uint32_t most) { return static_cast<int>(1 + random() % most); };
  for (int i = 0; i < 40; ++i) sizes.push_back({{side(100), side(70)}, {side(50), side(30)}});
  return sizes;
}

TEST(ResampleRowsTest, AgreesWithPlainLoopsOnEveryTarget) {
  testing::ForEachSimdTarget([] {
    for (const auto& [from, to] : ManySizes()) {
      const TestPicture picture = TestPicture::Random(from.width, from.height, 7, static_cast<size_t>(from.width % 6));
      const auto rows = ResampleAxis::Create(from.height, to.height);
      const auto columns = ResampleAxis::Create(from.width, to.width);
      std::vector<float> scratch(4 * static_cast<size_t>(from.width)), out(4 * static_cast<size_t>(to.width));
      for (const AlphaUse alpha : {AlphaUse::kIgnore, AlphaUse::kWeight}) {
        for (int y = 0; y < to.height; ++y) {
          ResampleRow(picture.view(), *rows, *columns, alpha, y, scratch.data(), out.data());
          ASSERT_EQ(out, ReferenceRow(picture, *rows, *columns, alpha, y))
              << from.width << " x " << from.height << " to " << to.width << " x " << to.height << ", row " << y;
        }
      }
    }
  });
}

TEST(ResampleRowsTest, NormalisesRowsOfAnyLength) {
  const float scale[] = {0.25f, 3, -1.5f}, offset[] = {-1, 0.1f, 7};
  testing::ForEachSimdTarget([&] {
    for (size_t width = 1; width <= 40; ++width) {
      std::vector<float> row(4 * width), out(3 * width + 1, -99);
      for (size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(i) * 1.7f;
      float* const planes[] = {out.data(), out.data() + width, out.data() + 2 * width};
      NormaliseRow(row.data(), width, scale, offset, planes);
      for (size_t x = 0; x < width; ++x) {
        for (size_t c = 0; c < 3; ++c) ASSERT_EQ(planes[c][x], row[4 * x + c] * scale[c] + offset[c]);
      }
      ASSERT_EQ(out.back(), -99);
    }
  });
}

// Multiplied by alpha on the way in and divided on the way out: every colour survives every alpha but 0.
TEST(ResampleRowsTest, EveryColourSurvivesEveryAlpha) {
  TestPicture picture(256, 256);
  picture.ForEach([](int x, int y) {
    const auto byte = [](int value) { return static_cast<uint8_t>(value); };
    return Rgba{byte(x), byte(255 - x), byte(x ^ 85), byte(y)};
  });
  testing::ForEachSimdTarget([&] {
    TestPicture out(256, 256);
    ASSERT_TRUE(ResizeImage(picture.view(), out.mutable_view(), SerialRunner()));
    for (int y = 0; y < 256; ++y) {
      for (int x = 0; x < 256; ++x) ASSERT_EQ(out.at(x, y), y == 0 ? Rgba{} : picture.at(x, y)) << x << " " << y;
    }
  });
}

}  // namespace
}  // namespace decal
