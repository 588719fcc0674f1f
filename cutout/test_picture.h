// Pictures for tests: owned RGBA8 rows, with room behind each row when asked for.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "decal/image.h"
#include "tests/support/seed.h"

namespace decal::testing {

using Rgba = std::array<uint8_t, 4>;

class TestPicture {
 public:
  // Padding bytes are 0xA5, so that a stray write shows.
  TestPicture(int width, int height, size_t padding_bytes = 0)
      : width_(width), height_(height), stride_(4 * static_cast<size_t>(width) + padding_bytes),
        bytes_(stride_ * static_cast<size_t>(height), 0xA5) {}

  static TestPicture Filled(int width, int height, Rgba colour, size_t padding_bytes = 0) {
    TestPicture picture(width, height, padding_bytes);
    picture.ForEach([&](int, int) { return colour; });
    return picture;
  }

  static TestPicture Random(int width, int height, uint32_t seed, size_t padding_bytes = 0) {
    std::mt19937 random(TestSeed(seed));
    TestPicture picture(width, height, padding_bytes);
    picture.ForEach([&](int, int) {
      const uint32_t r = random();
      return Rgba{static_cast<uint8_t>(r), static_cast<uint8_t>(r >> 8), static_cast<uint8_t>(r >> 16),
                  static_cast<uint8_t>(r >> 24)};
    });
    return picture;
  }

  // The picture that PIL's results in the tests were computed from: no two neighbours alike, and wrapping around.
  static TestPicture Pattern(int width, int height) {
    TestPicture picture(width, height);
    picture.ForEach([](int x, int y) {
      return Rgba{static_cast<uint8_t>(x * 37 + y * 11), static_cast<uint8_t>(x * x * 5 + y * 29),
                  static_cast<uint8_t>(255 - x * 23 - y * 7), 255};
    });
    return picture;
  }

  // Sets every pixel to fn(x, y).
  template <class Fn>
  void ForEach(const Fn& fn) {
    for (int y = 0; y < height_; ++y) {
      for (int x = 0; x < width_; ++x) set(x, y, fn(x, y));
    }
  }

  Rgba at(int x, int y) const {
    const uint8_t* p = view().row(y) + 4 * x;
    return {p[0], p[1], p[2], p[3]};
  }
  void set(int x, int y, Rgba colour) { std::copy(colour.begin(), colour.end(), mutable_view().row(y) + 4 * x); }

  bool PaddingIntact() const {
    for (int y = 0; y < height_; ++y) {
      for (size_t i = 4 * static_cast<size_t>(width_); i < stride_; ++i) {
        if (view().row(y)[i] != 0xA5) return false;
      }
    }
    return true;
  }

  int width() const { return width_; }
  int height() const { return height_; }
  ImageView view() const { return {bytes_.data(), width_, height_, stride_}; }
  MutableImageView mutable_view() { return {bytes_.data(), width_, height_, stride_}; }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  int width_, height_;
  size_t stride_;
  std::vector<uint8_t> bytes_;
};

}  // namespace decal::testing
