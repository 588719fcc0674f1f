// What a file's header says, before anything is decoded: size, depth, pages, colour, orientation, metadata.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/picture_io.h"
#include "cli/pictures/bytes.h"
#include "cli/pictures/colour.h"

namespace decal::cli {

enum class Alpha { kNone, kStraight, kPremultiplied };

struct FileFacts {
  int64_t width = 0, height = 0;  // as stored
  int channels = 3, bits = 8;     // as it will be decoded
  int frames = 1;
  int orientation = 1;  // EXIF's 1..8, to be applied
  Colour colour;
  std::optional<Density> density;
  Metadata metadata;  // as the file has it
  std::vector<std::string> notes;
  // GIF: where the first frame lies on the canvas; the rest of it is transparent.
  int64_t frame_x = 0, frame_y = 0, frame_width = 0, frame_height = 0;
  // JPEG 2000: how many of the decoded channels are colours, and whether the next one is alpha.
  int colours = 3;
  Alpha alpha = Alpha::kNone;
  bool stray_bytes = false;  // JPEG: bytes between the segments of its header, which do no harm

  size_t pixel_bytes() const { return static_cast<size_t>(channels) * static_cast<size_t>((bits + 7) / 8); }
};

// All of them check the structure as far as they walk it. Errors: kCorruptImage for files that are cut, kUnsupported for
// variants that are not read.
Result<FileFacts> PngFacts(ByteSpan file);
Result<FileFacts> JpegFacts(ByteSpan file);
Result<FileFacts> GifFacts(ByteSpan file);
Result<FileFacts> WebpFacts(ByteSpan file);
Result<FileFacts> Jp2Facts(ByteSpan file);

// An error of a file whose end is missing.
std::unexpected<Error> CutShort();

}  // namespace decal::cli
