// Steadied mattes: what stands still does not flicker, what moves does not trail, and every build gives the same bits.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "cutout/test_picture.h"
#include "decal/model.h"
#include "decal/session.h"
#include "decal/cutout.h"
#include "decal/temporal.h"
#include "tests/support/seed.h"

namespace decal {
namespace {

using testing::Rgba;
using testing::TestPicture;

// Read by web/test/temporal.test.mjs, which expects it of the WebAssembly modules.
constexpr uint32_t kTemporalHash = 0x20660c15;

using Matte = std::vector<float>;

// A bright disc of radius 30 before stripes, in integers, at `left`; a pixel of its alpha is a quarter cell wide at the rim.
TestPicture Frame(int left, int seed) {
  TestPicture picture(160, 120);
  picture.ForEach([&](int x, int y) {
    const auto byte = [](int value) { return static_cast<uint8_t>(value); };
    const int u = x - left, v = y - 60, noise = (x * 7 + y * 13 + seed * 31 + (x * y + seed) % 5) % 5;
    if (u * u + v * v < 900) return Rgba{byte(200 + noise), byte(150 + noise), byte(90 + noise), 255};
    return Rgba{byte(30 + 3 * ((x / 8) % 9) + noise), byte(60 + 2 * ((y / 8) % 7) + noise), byte(80 + noise), 255};
  });
  return picture;
}

Matte TrueMatte(int left) {
  Matte matte;
  for (int y = 0; y < 30; ++y) {
    for (int x = 0; x < 40; ++x) {
      int inside = 0;
      for (int k = 0; k < 16; ++k) {
        const int u = 4 * x + k % 4 - left, v = 4 * y + k / 4 - 60;
        inside += u * u + v * v < 900;
      }
      matte.push_back(static_cast<float>(inside) / 16);
    }
  }
  return matte;
}

// What a network says: the truth and an error that differs from frame to frame, along the edge above all.
Matte Guess(const Matte& truth, std::mt19937& random) {
  Matte matte;
  for (const float alpha : truth) {
    const float error = (static_cast<float>(random() % 2001) / 1000 - 1) * (alpha > 0 && alpha < 1 ? 0.2f : 0.03f);
    matte.push_back(alpha + error);
  }
  return matte;
}

MatteView View(const Matte& matte) { return {matte.data(), 40, 30}; }

Matte NextOk(TemporalMatte& temporal, const TestPicture& picture, const Matte& matte,
             ThreadRunner& runner = SerialRunner()) {
  const auto steadied = temporal.Next(picture.view(), View(matte), runner);
  EXPECT_TRUE(steadied.has_value()) << steadied.error().ToString();
  if (!steadied) return matte;
  EXPECT_EQ(steadied->width, 40);
  EXPECT_EQ(steadied->height, 30);
  return {steadied->data, steadied->data + matte.size()};
}

double MeanDifference(const Matte& a, const Matte& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::abs(std::clamp(a[i], 0.0f, 1.0f) - std::clamp(b[i], 0.0f, 1.0f));
  return sum / static_cast<double>(a.size());
}

TEST(TemporalMatteTest, TheFirstFrameStandsForItself) {
  TemporalMatte temporal;
  Matte matte = TrueMatte(80);
  matte[0] = std::numeric_limits<float>::quiet_NaN();
  matte[1] = 7, matte[2] = -7;
  const Matte first = NextOk(temporal, Frame(80, 0), matte);
  EXPECT_EQ((std::vector<float>{first[0], first[1], first[2]}), (std::vector<float>{0, 1, 0}));
  EXPECT_TRUE(std::equal(first.begin() + 3, first.end(), matte.begin() + 3));
  EXPECT_GE(temporal.memory_bytes(), 10 * 40 * 30 * sizeof(float));
  // And what is not a number leaves no trace in the frames after it.
  for (int t = 1; t < 60; ++t) NextOk(temporal, Frame(80, t), TrueMatte(80));
  EXPECT_LT(MeanDifference(NextOk(temporal, Frame(80, 60), TrueMatte(80)), TrueMatte(80)), 1e-4);
}

TEST(TemporalMatteTest, AStillEdgeStandsStill) {
  std::mt19937 random(testing::TestSeed(1));
  TemporalMatte temporal;
  Matte last_guess, last;
  double guessed = 0, steadied = 0;
  for (int t = 0; t < 100; ++t) {
    Matte guess = Guess(TrueMatte(80), random);
    Matte matte = NextOk(temporal, Frame(80, t), guess);
    if (t > 0) guessed += MeanDifference(guess, last_guess), steadied += MeanDifference(matte, last);
    last_guess = std::move(guess), last = std::move(matte);
  }
  EXPECT_LE(steadied, 0.4 * guessed);
}

TEST(TemporalMatteTest, AMovingEdgeDoesNotTrail) {
  for (const int speed : {1, 3, 9}) {
    std::mt19937 random(testing::TestSeed(2));
    TemporalMatte temporal;
    double guessed = 0, steadied = 0;
    for (int t = 0; t < 100; ++t) {
      const int way = speed * t % 160, left = 40 + (way < 80 ? way : 160 - way);
      const Matte truth = TrueMatte(left), guess = Guess(truth, random);
      guessed += MeanDifference(guess, truth);
      steadied += MeanDifference(NextOk(temporal, Frame(left, t), guess), truth);
    }
    EXPECT_LE(steadied, guessed) << speed << " pixels a frame";
  }
}

TEST(TemporalMatteTest, NoiseOfThePictureIsNoMotion) {
  // As strong chroma noise: the same for all pixels of a cell, so that it does not cancel out there.
  std::mt19937 random(testing::TestSeed(3));
  std::normal_distribution<float> noise(0, 15);
  TemporalMatte temporal;
  Matte last_guess, last;
  double guessed = 0, steadied = 0;
  for (int t = 0; t < 100; ++t) {
    TestPicture picture = TestPicture::Filled(160, 120, {});
    for (int y = 0; y < 120; y += 4) {
      for (int x = 0; x < 160; x += 4) {
        const auto level = [&](int mean) {
          return static_cast<uint8_t>(std::clamp(static_cast<float>(mean) + noise(random), 0.0f, 255.0f));
        };
        const bool inside = (x - 80) * (x - 80) + (y - 60) * (y - 60) < 900;
        const Rgba colour = {level(inside ? 190 : 70), level(inside ? 140 : 90), level(110), 255};
        for (int k = 0; k < 16; ++k) picture.set(x + k % 4, y + k / 4, colour);
      }
    }
    Matte guess = Guess(TrueMatte(80), random);
    Matte matte = NextOk(temporal, picture, guess);
    if (t > 0) guessed += MeanDifference(guess, last_guess), steadied += MeanDifference(matte, last);
    last_guess = std::move(guess), last = std::move(matte);
  }
  EXPECT_LE(steadied, 0.4 * guessed);
}

TEST(TemporalMatteTest, WhatChangesAloneIsFollowedAtOnce) {
  TemporalMatte temporal;
  for (int t = 0; t < 5; ++t) NextOk(temporal, Frame(50, t), TrueMatte(50));
  // The disc jumps: where it was and where it is, the new matte counts and no other.
  const Matte after = NextOk(temporal, Frame(110, 5), TrueMatte(110));
  EXPECT_EQ(after[15 * 40 + 12], 0);
  EXPECT_EQ(after[15 * 40 + 27], 1);
}

TEST(TemporalMatteTest, InAStillPictureSmallChangesComeSlowlyAndLargeOnesAtOnce) {
  TemporalMatte temporal;
  const Matte half(40 * 30, 0.5f), more(40 * 30, 0.6f), all(40 * 30, 1.0f);
  for (int t = 0; t < 40; ++t) NextOk(temporal, Frame(80, t), half);
  const Matte soon = NextOk(temporal, Frame(80, 40), more);
  EXPECT_LT(*std::ranges::max_element(soon), 0.53f);
  EXPECT_GT(*std::ranges::min_element(soon), 0.51f);
  Matte later;
  for (int t = 41; t < 70; ++t) later = NextOk(temporal, Frame(80, t), more);
  EXPECT_GT(*std::ranges::min_element(later), 0.595f);
  EXPECT_EQ(NextOk(temporal, Frame(80, 70), all), all);
}

TEST(TemporalMatteTest, AFrameOfAnotherSizeAndOneAfterResetStandForThemselves) {
  TemporalMatte temporal;
  const Matte nothing(40 * 30, 0.0f), all(40 * 30, 1.0f);
  NextOk(temporal, Frame(80, 0), nothing);
  temporal.Reset();
  EXPECT_EQ(NextOk(temporal, Frame(80, 0), all), all);
  const TestPicture larger = TestPicture::Filled(200, 120, {9, 9, 9, 255}, 12);
  EXPECT_EQ(NextOk(temporal, larger, nothing), nothing);
  const auto smaller = temporal.Next(larger.view(), {all.data(), 20, 20}, SerialRunner());
  ASSERT_TRUE(smaller.has_value());
  EXPECT_EQ(smaller->data[0], 1);
}

TEST(TemporalMatteTest, PicturesSmallerThanTheirMattesWork) {
  TemporalMatte temporal;
  const Matte all(40 * 30, 1.0f), nothing(40 * 30, 0.0f);
  NextOk(temporal, TestPicture::Filled(1, 1, {200, 0, 0, 255}), all);
  EXPECT_EQ(NextOk(temporal, TestPicture::Filled(1, 1, {0, 200, 0, 255}), nothing), nothing);
  TestPicture tall = TestPicture::Filled(3, 700, {10, 10, 10, 255});
  EXPECT_EQ(NextOk(temporal, tall, all), all);
}

TEST(TemporalMatteTest, WhatIsNoFrameIsRefused) {
  TemporalMatte temporal;
  const Matte matte(40 * 30, 1.0f), other(40 * 30, 0.0f);
  const TestPicture picture = Frame(80, 0);
  NextOk(temporal, picture, matte);
  EXPECT_EQ(temporal.Next({}, View(matte), SerialRunner()).error().ToString(),
            "the picture is empty (invalid-argument)");
  EXPECT_EQ(NextOk(temporal, picture, other), other);  // returned as it is
  EXPECT_EQ(temporal.Next(picture.view(), {matte.data(), 40, 0}, SerialRunner()).error().ToString(),
            "the matte is empty (invalid-argument)");
  EXPECT_EQ(temporal.Next({picture.view().data, 160, 120, 100}, View(matte), SerialRunner()).error().code,
            ErrorCode::kInvalidArgument);
}

uint32_t HashOf(const Matte& matte, uint32_t hash) {
  for (const float value : matte) {
    uint8_t bytes[4];
    std::memcpy(bytes, &value, 4);
    for (const uint8_t byte : bytes) hash = (hash ^ byte) * 16777619u;
  }
  return hash;
}

TEST(TemporalMatteTest, BitsAreThoseOfEveryBuild) {
  for (const size_t threads : {1, 2, 5}) {
    const auto pool = MakeThreadPool(threads);
    TemporalMatte temporal;
    uint32_t hash = 2166136261u;
    for (int t = 0; t < 12; ++t) {
      const int left = 60 + 2 * std::max(t - 6, 0);
      Matte matte = TrueMatte(left);
      for (size_t i = 0; i < matte.size(); ++i)
        matte[i] = matte[i] * 0.75f + static_cast<float>((i * 37 + static_cast<size_t>(t) * 11) % 64) / 256;
      hash = HashOf(NextOk(temporal, Frame(left, t), matte, *pool), hash);
    }
    EXPECT_EQ(hash, kTemporalHash) << std::hex << hash << " on " << threads << " threads";
  }
}

TEST(PeopleLiveTest, RunsFromTheEmbeddedWeights) {
  const ModelInfo& info = **FindModel("people-live");
  auto session = Session::Load(EmbeddedModelBytes(info));
  ASSERT_TRUE(session.has_value()) << session.error().ToString();
  auto remover = Remover::Create(*std::move(session), info, SerialRunner());
  ASSERT_TRUE(remover.has_value()) << remover.error().ToString();
  // Nobody is there. That it finds people is for tests/cli/video.test.mjs, which has a photo.
  const TestPicture picture = TestPicture::Filled(320, 240, {200, 205, 200, 255});
  const auto report = remover->Segment(picture.view());
  ASSERT_TRUE(report.has_value()) << report.error().ToString();
  EXPECT_EQ(report->input, (Extent{256, 256}));
  const MatteView matte = remover->matte();
  ASSERT_EQ((Extent{matte.width, matte.height}), (Extent{256, 256}));
  EXPECT_LT(report->coverage, 0.05f);
  EXPECT_FALSE(
      std::any_of(matte.data, matte.data + 256 * 256, [](float value) { return !(value >= 0 && value <= 1); }));
}

}  // namespace
}  // namespace decal
