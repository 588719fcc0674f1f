// EXIF blocks: reads orientation and density, and prepares blocks for a cut-out.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <vector>

#include "cli/picture_io.h"
#include "cli/pictures/bytes.h"

namespace decal::cli {

struct ExifFacts {
  int orientation = 1;
  std::optional<Density> density;
};

// `exif` begins with its TIFF header. Damaged blocks have no facts.
ExifFacts ReadExif(ByteSpan exif);

// The block with orientation 1 and without its thumbnail, which shows what the cut-out leaves away. Empty if it is damaged.
std::vector<std::byte> ExifToKeep(ByteSpan exif);

// `unit`: 2 inch, 3 cm (TIFF and EXIF). None where the unit is another or a number is not positive.
std::optional<Density> DensityOf(double x, double y, int unit);

}  // namespace decal::cli
