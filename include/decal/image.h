// Views of pictures and mattes: 8-bit RGBA rows with straight alpha, and float mattes.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace decal {

// RGBA8, sRGB, straight (not premultiplied) alpha. Rows lie `stride_bytes` apart (>= 4 * width).
struct ImageView {
  const uint8_t* data = nullptr;
  int width = 0;
  int height = 0;
  size_t stride_bytes = 0;

  const uint8_t* row(int y) const { return data + static_cast<size_t>(y) * stride_bytes; }
};

struct MutableImageView {
  uint8_t* data = nullptr;
  int width = 0;
  int height = 0;
  size_t stride_bytes = 0;

  uint8_t* row(int y) const { return data + static_cast<size_t>(y) * stride_bytes; }
  operator ImageView() const { return {data, width, height, stride_bytes}; }  // NOLINT: as T* to const T*
};

// The opacity of the foreground in every pixel, 0..1, row-major and dense.
struct MatteView {
  const float* data = nullptr;
  int width = 0;
  int height = 0;
};

}  // namespace decal
