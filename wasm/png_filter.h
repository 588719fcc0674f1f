// PNG scanline filters for RGBA8.
#pragma once

#include <cstddef>
#include <cstdint>

namespace decal {

// Writes one filter byte and the 4 * width filtered bytes of `row` to `out`. `above` is the row before it, null for
// the first. The filter is the one with the smallest sum of absolute residuals (PNG specification 12.8).
void FilterPngRow(const uint8_t* row, const uint8_t* above, size_t width, uint8_t* out);

}  // namespace decal
