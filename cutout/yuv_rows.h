// Rows of Y'CbCr: chroma brought to the size of luma, and all three to RGBA.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace decal {

// The matrix in fixed point: each is a quarter of its factor in 32,768ths, which keeps the largest (2.15, BT.2020's of blue) below one.
struct YuvMatrix {
  int16_t luma, red_cr, green_cb, green_cr, blue_cb;
  int16_t black;  // of luma
};

// Samples beside and behind a row of chroma sums that are read, and behind a row of chroma that are written.
constexpr size_t kYuvPadding = 64;

// sums[i] = 3 * near[i] + far[i], i < count.
void SumChromaRows(const uint8_t* near, const uint8_t* far, size_t count, int16_t* sums);

// Chroma of a row, zero in the middle, 128 a level: one for each sum, or two, between it and its neighbours. sums[-1] is read, and up to
// kYuvPadding sums behind the last; as many are written behind the last of `out`.
void SpreadChroma(const int16_t* sums, size_t count, bool widen, int16_t* out);

// `cb` and `cr` as SpreadChroma leaves them; null: grey.
void YuvRowToRgba(const uint8_t* luma, const int16_t* cb, const int16_t* cr, size_t width, const YuvMatrix& matrix,
                  uint8_t* rgba);

}  // namespace decal
