// RGBA8 pixels as little-endian 32-bit words: loops over words vectorise where loops over bytes do not.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace decal {

static_assert(std::endian::native == std::endian::little, "red is the lowest byte of a pixel's word");

inline uint32_t LoadPixel(const uint8_t* row, size_t x) {
  uint32_t pixel;
  std::memcpy(&pixel, row + 4 * x, sizeof(pixel));  // rows need not be aligned
  return pixel;
}

inline void StorePixel(uint8_t* row, size_t x, uint32_t pixel) { std::memcpy(row + 4 * x, &pixel, sizeof(pixel)); }

// 0 red .. 3 alpha, as 0..255.
inline float Channel(uint32_t pixel, int channel) {
  // By way of int32_t: unsigned to float is slow before AVX-512.
  return static_cast<float>(static_cast<int32_t>((pixel >> (8 * channel)) & 0xFF));
}

// To the nearest, for values of at least 0 (a filter's rounding errors may exceed 255 by a trifle).
inline uint32_t ToByte(float value) {
  return static_cast<uint32_t>(static_cast<int32_t>(std::min(value + 0.5f, 255.0f)));
}

inline uint32_t PackPixel(uint32_t r, uint32_t g, uint32_t b, uint32_t a) { return r | g << 8 | b << 16 | a << 24; }

}  // namespace decal
