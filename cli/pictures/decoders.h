// The decoders: each reads one kind of file into a canvas. They throw only what their libraries throw (bad_alloc).
// SPDX-License-Identifier: MIT
#pragma once

#include "cli/pictures/bytes.h"
#include "cli/pictures/canvas.h"
#include "cli/pictures/kind.h"

namespace decal::cli {

// Errors of all: as DecodePicture.
Status DecodeByVips(ByteSpan file, PictureKind kind, Canvas& canvas);  // JPEG, PNG, WebP, GIF, JPEG 2000, SVG
Status DecodeTiff(ByteSpan file, Canvas& canvas);
Status DecodeHeif(ByteSpan file, Canvas& canvas);
Status DecodeJxl(ByteSpan file, Canvas& canvas);
Status DecodeBmp(ByteSpan file, Canvas& canvas);
Status DecodeIco(ByteSpan file, Canvas& canvas);
Status DecodePnm(ByteSpan file, Canvas& canvas);
Status DecodeQoi(ByteSpan file, Canvas& canvas);

}  // namespace decal::cli
