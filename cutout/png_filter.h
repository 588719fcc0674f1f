// The row filters of PNG (RFC 2083, chapter 6) for RGBA8.
#pragma once

#include <cstdint>

#include "decal/parallel.h"

namespace decal {

// Filters rows [first, first + count) of the dense RGBA8 picture that starts at `rgba`, each with the filter whose
// output has the smallest sum of absolute differences. `out` receives count * (4 * width + 1) bytes: the filter's
// number and the filtered row. Row 0 has no row above it; any other `first` reads row first - 1.
void FilterPngRows(const uint8_t* rgba, int width, int first, int count, uint8_t* out, ThreadRunner& runner);

}  // namespace decal
