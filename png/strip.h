// A strip of a PNG: rows that are filtered and deflated by themselves, as a part of the file's one zlib stream (as pigz makes of files).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "decal/image.h"

namespace decal {

// A deflated strip: the number of its bytes. It ends on a whole byte.
struct PngStrip {
  size_t bytes = 0;
  uint32_t adler = 1;  // Adler-32 of what was deflated
};

// The part of the two bytes before the first strip (RFC 1950): deflate, a window of 32 KiB, the fastest of levels.
inline constexpr uint8_t kZlibHeader[] = {0x78, 0x01};

// A row once filtered, its filter's number included. `channels`: 1, 3 or 4 bytes of 8 bits.
size_t PngRowBytes(int width, int channels);

// Rows of a strip, of 1 MiB once filtered: at least one.
int PngStripRows(int width, int channels);

// Memory for the work on a strip of `rows`. Nothing in it goes from one strip to the next.
size_t PngStripSpace(int width, int channels, int rows);

// The most bytes that a strip of `rows` can become.
size_t PngStripBound(int width, int channels, int rows);

// Rows [first, first + count) of `picture`, of whose RGBA the first `channels` are written; WebAssembly: all 4. `last`: ends the stream.
// `space`: at least PngStripSpace, aligned to 64 bytes; `out`: at least PngStripBound. Allocates nothing. Nothing: `out` is too small.
std::optional<PngStrip> PackPngStrip(ImageView picture, int channels, int first, int count, bool last,
                                     std::span<uint8_t> space, std::span<uint8_t> out);

}  // namespace decal
