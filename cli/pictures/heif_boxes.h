// Removes the transformations of a HEIF picture from the file where libheif would lose alpha because of them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cli/pictures/bytes.h"

namespace decal::cli {

// clap, in whole pixels; then irot and imir as an orientation of EXIF (ISO/IEC 23008-12, 6.5.9 to 6.5.12).
struct HeifTransforms {
  std::vector<std::byte> file;  // a copy of the file in which no item has transformations
  int64_t x = 0, y = 0, width = 0, height = 0;  // of what clap leaves; 0 wide: all
  int orientation = 1;
};

// Of a file whose main picture has transformations and alpha: libheif 1.15 compares the sizes of both after turning one of them, and
// drops the alpha. Nothing for other files, those that cannot be read included.
std::optional<HeifTransforms> TakeTransforms(ByteSpan file);

}  // namespace decal::cli
