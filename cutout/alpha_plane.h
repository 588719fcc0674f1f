// Alpha of every pixel of a picture as a byte, for what has to look at neighbours: smoothing, growing, shadows.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>

#include "decal/cutout.h"
#include "engine/base/buffer.h"

namespace decal {

struct AlphaPlane {
  int width = 0, height = 0;
  Buffer bytes;

  static Result<AlphaPlane> Create(Extent extent);
  uint8_t* row(int y) { return reinterpret_cast<uint8_t*>(bytes.data()) + Offset(y); }
  const uint8_t* row(int y) const { return reinterpret_cast<const uint8_t*>(bytes.data()) + Offset(y); }

 private:
  size_t Offset(int y) const { return static_cast<size_t>(y) * static_cast<size_t>(width); }
};

// Bytes to 0..1, and back to the nearest.
void ToUnit(const uint8_t* bytes, size_t count, float* out);
void ToBytes(const float* values, size_t count, uint8_t* out);

// Part of a row: where something is visible, from `left` up to but without `right`.
struct Span {
  int left = INT_MAX, right = 0;

  // Pixels from `begin` on: visible are those whose own alpha times `alpha` is at least a twentieth.
  void Add(const float* alpha, const uint8_t* rgba, size_t begin, size_t count);
};

// Straightens the outline: the mean over a neighbourhood that ends `pixels` away (a tent), made so much steeper that a straight edge
// is as sharp as before. Beyond the border lies what lies there. Errors: kOutOfMemory.
Status SmoothPlane(AlphaPlane& plane, float pixels, ThreadRunner& runner);

// Moves the outline outwards by that many pixels, or inwards where they are negative: grey-scale dilation or erosion (Serra 1982) by
// a disc whose rim is one pixel wide, so that parts of a pixel count. The border of the picture is no edge. Errors: kOutOfMemory.
Status GrowPlane(AlphaPlane& plane, float pixels, ThreadRunner& runner);

// Each byte becomes what the table says.
void MapPlane(AlphaPlane& plane, const std::array<uint8_t, 256>& table, ThreadRunner& runner);

}  // namespace decal
