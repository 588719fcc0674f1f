// Composed rows against the plain formulas, on every SIMD target, for every alpha and for rows of any length.
// SPDX-License-Identifier: MIT
#include "cutout/compose_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "cutout/test_picture.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using testing::Rgba;

constexpr Composition kCompositions[] = {Composition::kCutOut, Composition::kMask, Composition::kOver};

uint8_t ToByte(float value) { return static_cast<uint8_t>(std::min(value + 0.5f, 255.0f)); }

// The specification, a pixel at a time.
Rgba Composed(Composition composition, const Rgba& pixel, float matte, const Rgba& background) {
  const float alpha = static_cast<float>(pixel[3]) * matte;
  const uint8_t opacity = ToByte(alpha);
  if (composition == Composition::kMask) return {opacity, opacity, opacity, 255};
  if (composition == Composition::kCutOut) return opacity == 0 ? Rgba{} : Rgba{pixel[0], pixel[1], pixel[2], opacity};
  const bool opaque = background[3] == 255;
  const float front = alpha * (1.0f / 255);
  const float back = static_cast<float>(background[3]) / 255 * (1 - front);
  const float total = front + back;
  const float normalise = opaque ? 1 : total > 0 ? 1 / total : 0;
  const uint8_t a = opaque ? 255 : ToByte(255 * total);
  if (a == 0) return {};
  const auto blend = [&](size_t c) {
    return ToByte((static_cast<float>(pixel[c]) * front + static_cast<float>(background[c]) * back) * normalise);
  };
  return {blend(0), blend(1), blend(2), a};
}

// Compares a row with the specification, apart and in place. `from` holds `width` pixels, the mattes as many values.
void ExpectComposed(const std::vector<uint8_t>& from, const std::vector<float>& top, const std::vector<float>& bottom,
                    float bottom_weight, const Rgba& background) {
  const size_t width = top.size();
  const MatteRow matte = {top.data(), bottom.data(), 1 - bottom_weight, bottom_weight};
  for (const Composition composition : kCompositions) {
    std::vector<uint8_t> expected;
    for (size_t x = 0; x < width; ++x) {
      const float value = matte.top_weight * top[x] + matte.bottom_weight * bottom[x];
      const Rgba pixel = {from[4 * x], from[4 * x + 1], from[4 * x + 2], from[4 * x + 3]};
      const Rgba to = Composed(composition, pixel, value, background);
      expected.insert(expected.end(), to.begin(), to.end());
    }
    // One byte off, as rows of any stride may be, and with a byte behind that must stay.
    std::vector<uint8_t> apart(4 * width + 2, 0xA5), in_place(1, 0xA5);
    ComposeRow(composition, from.data(), matte, width, background, apart.data() + 1);
    in_place.insert(in_place.end(), from.begin(), from.end());
    in_place.push_back(0xA5);
    ComposeRow(composition, in_place.data() + 1, matte, width, background, in_place.data() + 1);
    expected.insert(expected.begin(), 0xA5);
    expected.push_back(0xA5);
    ASSERT_EQ(apart, expected) << "composition " << static_cast<int>(composition) << ", width " << width;
    ASSERT_EQ(in_place, expected) << "composition " << static_cast<int>(composition) << ", width " << width;
  }
}

TEST(ComposeRowsTest, EveryAlphaTimesEveryMatte) {
  // All alphas, with mattes at every half of 1 / 255 and a trifle to both sides: where rounding turns.
  std::vector<float> mattes;
  for (int i = 0; i <= 510; ++i) {
    const float value = static_cast<float>(i) / 510;
    for (const float off : {0.0f, -1e-7f, 1e-7f}) mattes.push_back(std::clamp(value + off, 0.0f, 1.0f));
  }
  const std::vector<float> zeros(mattes.size(), 0.0f);
  testing::ForEachSimdTarget([&] {
    for (int alpha = 0; alpha < 256; ++alpha) {
      std::vector<uint8_t> from;
      for (size_t x = 0; x < mattes.size(); ++x) {
        const int colour = static_cast<int>(x) * 7 + alpha;
        for (const int value : {colour, colour >> 1, 255 - colour, alpha}) from.push_back(static_cast<uint8_t>(value));
      }
      const uint8_t other = static_cast<uint8_t>(alpha * 31);
      ExpectComposed(from, mattes, zeros, 0, {250, other, 0, static_cast<uint8_t>(alpha % 3 == 0 ? 255 : other)});
      if (::testing::Test::HasFatalFailure()) return;
    }
  });
}

TEST(ComposeRowsTest, RowsOfAnyLength) {
  testing::ForEachSimdTarget([] {
    std::mt19937 random(testing::TestSeed(1));
    std::uniform_real_distribution<float> uniform(0, 1);
    for (size_t width = 1; width <= 70; ++width) {
      std::vector<uint8_t> from(4 * width);
      for (uint8_t& byte : from) byte = static_cast<uint8_t>(random());
      std::vector<float> top(width), bottom(width);
      for (size_t x = 0; x < width; ++x) top[x] = uniform(random), bottom[x] = uniform(random);
      for (const uint8_t alpha : {0, 1, 128, 255}) {
        ExpectComposed(from, top, bottom, uniform(random), {static_cast<uint8_t>(random()), 0, 255, alpha});
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
  });
}

}  // namespace
}  // namespace decal
