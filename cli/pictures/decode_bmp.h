// Device-independent bitmaps, as BMP files and icons hold them.
// SPDX-License-Identifier: MIT
#pragma once

#include "cli/pictures/bytes.h"
#include "cli/pictures/canvas.h"

namespace decal::cli {

// `header`: where the bitmap's header begins; `pixels`: where its rows do, 0 if they follow header and palette. Of an icon the
// height counts twice, and a mask of transparent pixels follows the rows.
Status DecodeDib(ByteSpan file, size_t header, size_t pixels, bool icon, Canvas& canvas);

}  // namespace decal::cli
