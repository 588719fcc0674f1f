// The same bytes everywhere: hashes of results that web/test/composite-bytes.test.mjs expects of the WebAssembly modules too, on every
// SIMD target and for any number of threads.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cutout/test_picture.h"
#include "decal/cutout.h"
#include "tests/support/simd_targets.h"

namespace decal {
namespace {

using testing::Rgba;
using testing::TestPicture;

struct BytesCase {
  const char* name;
  CompositeOptions options;
  uint32_t hash;
};

// Read by the other test: one line each, the name first, the hash last.
// clang-format off
const BytesCase kBytesCases[] = {
    {"off", {}, 0xa1f49e27},
    {"fast", {.refine = Refine::kFast, .decontaminate = true}, 0xed738a6b},
    {"best", {.refine = Refine::kBest, .decontaminate = true}, 0x2bb83db6},
    {"over", {.background = {{9, 200, 30, 180}}, .refine = Refine::kFast, .decontaminate = true}, 0xeafb8a4d},
    {"rest", {.refine = Refine::kFast, .decontaminate = true, .background_only = true}, 0xbf72c7c9},
    {"hard", {.refine = Refine::kFast, .threshold = 0.5f}, 0x9d724ab5},
    {"parts", {.refine = Refine::kFast, .remove_islands = 0.1f, .fill_holes = 0.1f}, 0x29193c91},
    {"smooth", {.refine = Refine::kFast, .decontaminate = true, .smooth = 3.5f}, 0xb705ffe0},
    {"grow", {.refine = Refine::kFast, .decontaminate = true, .grow = 5.25f}, 0x4f097e72},
    {"shrink", {.refine = Refine::kBest, .decontaminate = true, .grow = -1.5f}, 0x1a9cefe8},
    {"shadow", {.background = {{255, 255, 255, 255}}, .refine = Refine::kFast, .decontaminate = true, .shadow = 0.5f}, 0x6a1b228f},
    {"mask", {.mask_only = true, .refine = Refine::kFast, .smooth = 2}, 0x29a23bc4},
};
// clang-format on

// A disc and a small square on something darker, with textures of integers, and their matte at an eighth of the size.
TestPicture Scene() {
  TestPicture picture(304, 208);
  picture.ForEach([](int x, int y) {
    const bool subject =
        (x - 150) * (x - 150) + (y - 100) * (y - 100) < 4900 || (x > 250 && x < 270 && y > 30 && y < 50);
    const auto byte = [](int value) { return static_cast<uint8_t>(value); };
    if (subject)
      return Rgba{byte(190 + (x * 13 + y * 7) % 50), byte(60 + (x * 3 + y * 5) % 40), byte(30 + (x + y) % 30), 255};
    return Rgba{byte(20 + (x * 5 + y * 11) % 60), byte(90 + (x * 7 + y * 2) % 50), byte(120 + (x * y) % 60),
                byte(y < 4 ? 200 : 255)};
  });
  return picture;
}

std::vector<float> SceneValues() {
  std::vector<float> matte;
  for (int y = 0; y < 26; ++y) {
    for (int x = 0; x < 38; ++x) {
      const int u = 8 * x + 4 - 150, v = 8 * y + 4 - 100;
      const bool square = x >= 31 && x < 34 && y >= 4 && y < 6;
      matte.push_back(static_cast<float>(square ? 256 : std::clamp(128 + (4900 - u * u - v * v) / 8, 0, 256)) / 256);
    }
  }
  return matte;
}

TEST(CompositeBytesTest, AreThoseOfEveryBuild) {
  const TestPicture picture = Scene();
  const std::vector<float> matte = SceneValues();
  for (const BytesCase& one : kBytesCases) {
    testing::ForEachSimdTarget([&] {
      for (const size_t threads : {1, 4}) {
        const auto pool = MakeThreadPool(threads);
        TestPicture out(304, 208);
        ASSERT_TRUE(Composite(picture.view(), {matte.data(), 38, 26}, one.options, out.mutable_view(), *pool));
        uint32_t hash = 2166136261u;  // FNV-1a
        for (const uint8_t byte : out.bytes()) hash = (hash ^ byte) * 16777619u;
        EXPECT_EQ(hash, one.hash) << one.name << " " << std::hex << hash;
      }
    });
  }
}

}  // namespace
}  // namespace decal
