// The row filters of PNG (RFC 2083, chapter 6), for hosts that write their own files.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "decal/parallel.h"

namespace decal {

// Filters one row of `width` pixels of 8-bit `channels` (1, 3 or 4; WebAssembly: 4) with the filter whose output has the smallest sum
// of absolute differences. `above` is the row before it, null for the first. `out` receives channels * width + 1 bytes: the filter's
// number and the filtered row.
void FilterPngRow(const uint8_t* row, const uint8_t* above, int width, int channels, uint8_t* out);

// The same for rows [first, first + count) of the dense RGBA8 picture that starts at `rgba`; `out` receives
// count * (4 * width + 1) bytes. Row 0 has no row above it; any other `first` reads row first - 1.
void FilterPngRows(const uint8_t* rgba, int width, int first, int count, uint8_t* out, ThreadRunner& runner);

}  // namespace decal
