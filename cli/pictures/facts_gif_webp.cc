// The blocks of a GIF and the chunks of a WebP file: sizes, frames, metadata.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include <fmt/format.h>

#include "cli/pictures/exif.h"
#include "cli/pictures/facts.h"

namespace decal::cli {
namespace {

using std::literals::operator""sv;

// Behind the sub-blocks that begin at `at`; 0 if they do not end.
size_t SkipSubBlocks(const Numbers& numbers, size_t at) {
  for (;;) {
    const size_t size = numbers.U8(at);
    if (numbers.failed()) return 0;
    at += 1 + size;
    if (size == 0) return at;
  }
}

// How many pixels the codes stand for whose smallest size is at `at` (GIF89a, appendix F). Only the lengths of their strings matter.
size_t CountPixels(const Numbers& numbers, size_t at) {
  constexpr uint32_t kMostCodes = 4096, kMostBits = 12;
  const uint32_t smallest = std::min<uint32_t>(numbers.U8(at++), kMostBits - 1);
  const uint32_t clear = 1u << smallest, end = clear + 1;
  std::vector<size_t> lengths(kMostCodes, 1);
  uint32_t next = end + 1, width = smallest + 1, previous = clear, bits = 0, held = 0;
  int left = 0;  // bytes of the sub-block
  size_t pixels = 0;
  for (;;) {
    for (; held < width; held += 8, --left) {
      if (left == 0) left = numbers.U8(at++);
      if (left == 0 || numbers.failed()) return pixels;
      bits |= static_cast<uint32_t>(numbers.U8(at++)) << held;
    }
    const uint32_t code = bits & ((1u << width) - 1);
    bits >>= width;
    held -= width;
    if (code == end) return pixels;
    if (code == clear) {
      next = end + 1;
      width = smallest + 1;
    } else if (previous == clear) {
      if (code > clear) return pixels;
      ++pixels;
    } else {
      if (code > next || (code == next && next == kMostCodes)) return pixels;
      const size_t longer = lengths[previous] + 1;
      pixels += code < next ? lengths[code] : longer;
      if (next < kMostCodes) lengths[next++] = longer;
      if (next == 1u << width && width < kMostBits) ++width;
    }
    previous = code;
  }
}

size_t ColourTableBytes(int flags) { return flags & 0x80 ? size_t{3} << ((flags & 7) + 1) : 0; }

}  // namespace

Result<FileFacts> GifFacts(ByteSpan file) {
  FileFacts facts{.channels = 4, .frames = 0};
  const Numbers numbers(file, false);
  facts.width = numbers.U16(6);
  facts.height = numbers.U16(8);
  size_t at = 13 + ColourTableBytes(numbers.U8(10)), codes = 0;
  while (!numbers.failed()) {
    const int block = numbers.U8(at);
    if (numbers.failed() || block == 0x3b) break;
    if (block == 0x21) {
      at = SkipSubBlocks(numbers, at + 2);
    } else if (block == 0x2c) {
      if (++facts.frames == 1) {
        facts.frame_x = numbers.U16(at + 1);
        facts.frame_y = numbers.U16(at + 3);
        facts.frame_width = numbers.U16(at + 5);
        facts.frame_height = numbers.U16(at + 7);
        codes = at + 10 + ColourTableBytes(numbers.U8(at + 9));
      }
      at = SkipSubBlocks(numbers, at + 11 + ColourTableBytes(numbers.U8(at + 9)));
    } else {
      break;  // rubbish behind a frame: what was counted so far counts
    }
    if (at == 0) break;
  }
  const auto pixels = static_cast<size_t>(facts.frame_width * facts.frame_height);
  if (facts.frames == 0 || CountPixels(Numbers(file, false), codes) < pixels) return CutShort();
  // A frame that is larger than the canvas makes it larger.
  facts.width = std::max(facts.width, facts.frame_x + facts.frame_width);
  facts.height = std::max(facts.height, facts.frame_y + facts.frame_height);
  if (facts.frames > 1) facts.notes.push_back(fmt::format("animated GIF: first of {} frames used", facts.frames));
  return facts;
}

Result<FileFacts> WebpFacts(ByteSpan file) {
  FileFacts facts{.channels = 4, .frames = 0};
  const Numbers numbers(file, false);
  const size_t riff = size_t{numbers.U32(4)} + 8;
  if (riff > file.size() + 1) return CutShort();
  for (size_t at = 12; at + 8 <= std::min(riff, file.size());) {
    const std::string_view name = AsText(Slice(file, at, 4));
    const size_t size = numbers.U32(at + 4);
    if (size > file.size() - at - 8) return CutShort();
    const ByteSpan body = Slice(file, at + 8, size);
    const Numbers part(body, false);
    if (name == "VP8X") {
      facts.width = 1 + static_cast<int64_t>(part.Get(4, 3));
      facts.height = 1 + static_cast<int64_t>(part.Get(7, 3));
    } else if (name == "ANMF") {
      ++facts.frames;
    } else if (name == "VP8 " && facts.width == 0) {
      facts.width = part.U16(6) & 0x3fff;
      facts.height = part.U16(8) & 0x3fff;
    } else if (name == "VP8L" && facts.width == 0) {
      const uint32_t sizes = part.U32(1);
      facts.width = 1 + (sizes & 0x3fff);
      facts.height = 1 + (sizes >> 14 & 0x3fff);
    } else if (name == "ICCP") {
      facts.colour.icc.assign(body.begin(), body.end());
    } else if (name == "EXIF") {
      // Some writers put JPEG's prefix before it.
      const ByteSpan exif = StartsWith(body, "Exif\0\0"sv) ? Slice(body, 6) : body;
      facts.metadata.exif.assign(exif.begin(), exif.end());
      const ExifFacts read = ReadExif(exif);
      facts.orientation = read.orientation;
      facts.density = read.density;
    } else if (name == "XMP ") {
      facts.metadata.xmp.assign(body.begin(), body.end());
    }
    at += 8 + size + (size & 1);
  }
  if (facts.frames > 1) facts.notes.push_back(fmt::format("animated WebP: first of {} frames used", facts.frames));
  return facts;
}

}  // namespace decal::cli
