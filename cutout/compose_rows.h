// Composes rows of pixels, interpolating the matte between two of its rows: the SIMD part of Composite.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace decal {

// A row of the matte at the picture's width: top[x] * top_weight + bottom[x] * bottom_weight, values 0..1.
struct MatteRow {
  const float* top;
  const float* bottom;
  float top_weight, bottom_weight;
};

enum class Composition {
  kCutOut,  // alpha times matte; 0 if that is 0
  kMask,  // that product as opaque grey
  kOver,  // the cut-out over a background: source-over (Porter and Duff 1984) on straight alpha in 8-bit sRGB
};

// Composes `width` RGBA8 pixels; `to` may be `from`. `background` is RGBA, for kOver. Every SIMD target gives the same
// bytes.
void ComposeRow(Composition composition, const uint8_t* from, const MatteRow& matte, size_t width,
                const std::array<uint8_t, 4>& background, uint8_t* to);

}  // namespace decal
