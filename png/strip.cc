// SPDX-License-Identifier: MIT
#include "png/strip.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "decal/png_filter.h"
#include "png/adler32.h"

namespace decal {
namespace {

// Filtered bytes of a strip. Each begins without the 32 KiB before it to refer to, and ends with 5 bytes of a flush. A cut-out of 24
// megapixels takes 16.70 MB in strips of 64 KiB, 16.60 of 256 KiB, 16.58 of 1 MiB and of 4 MiB, 16.59 as one.
constexpr size_t kStripBytes = size_t{1} << 20;
// ISA-L's level 2. The 96 MB of that cut-out, filtered, take it 0.11 s of processor time and 16.58 MB; level 1 0.10 s and 16.60 MB,
// level 3 0.22 s and 16.83 MB. zlib's level 3 takes 0.89 s and 16.83 MB, 6 2.25 s and 15.58 MB; libdeflate's 1 0.34 s and 16.25 MB,
// but its streams cannot be joined. In V8, where ISA-L has its C code alone, 24 MB take level 2 77 ms and 4.13 MB, level 1 95 ms and
// 4.14 MB, level 3 308 ms and 3.96 MB; zlib itself, natively, its level 1 271 ms and 4.06 MB.
constexpr uint32_t kLevel = 2;
constexpr size_t kLevelBytes = ISAL_DEF_LVL2_EXTRA_LARGE;

constexpr size_t Aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

// Where things are in a strip's working memory.
struct Space {
  isal_zstream* stream;
  uint8_t* level;
  uint8_t* packed[2];  // two rows without the channels that are left out
  uint8_t* filtered;

  Space(uint8_t* memory, size_t row_bytes) {
    const auto take = [&](size_t bytes) {
      uint8_t* taken = memory;
      memory += Aligned(bytes);
      return taken;
    };
    stream = new (take(sizeof(isal_zstream))) isal_zstream{};
    level = take(kLevelBytes);
    for (uint8_t*& row : packed) row = take(row_bytes);
    filtered = take(0);
  }
};

// A row without the channels that are left out. Two rows are kept, the one above included.
const uint8_t* Packed(ImageView picture, int channels, int y, const Space& space) {
  const uint8_t* rgba = picture.row(y);
  if (channels == 4) return rgba;
  uint8_t* packed = space.packed[y % 2];
  const size_t width = static_cast<size_t>(picture.width), kept = static_cast<size_t>(channels);
  for (size_t x = 0; x < width; ++x) {
    for (size_t c = 0; c < kept; ++c) packed[x * kept + c] = rgba[x * 4 + c];
  }
  return packed;
}

// The filtered bytes, compressed and up to a whole byte; how many these are.
std::optional<size_t> Deflate(const Space& space, size_t bytes, bool last, std::span<uint8_t> out) {
  isal_zstream& stream = *space.stream;
  // ISA-L looks for matches where an earlier strip's table, or whatever was in that memory, points to: the file would be right, and
  // seldom the same twice. To clear the table takes 0.01 ms.
  std::memset(space.level, 0, ISAL_DEF_LVL2_REQ);
  isal_deflate_init(&stream);
  stream.level = kLevel;
  stream.level_buf = space.level;
  stream.level_buf_size = kLevelBytes;
  stream.gzip_flag = IGZIP_DEFLATE;
  stream.flush = SYNC_FLUSH;
  stream.end_of_stream = last ? 1 : 0;
  stream.next_in = space.filtered;
  stream.avail_in = static_cast<uint32_t>(bytes);
  stream.next_out = out.data();
  stream.avail_out = static_cast<uint32_t>(out.size());
  if (isal_deflate(&stream) != COMP_OK || stream.avail_in != 0 || stream.avail_out == 0) return std::nullopt;
  return stream.total_out;
}

}  // namespace

size_t PngRowBytes(int width, int channels) { return static_cast<size_t>(width) * static_cast<size_t>(channels) + 1; }

int PngStripRows(int width, int channels) {
  return static_cast<int>(std::max<size_t>(1, kStripBytes / PngRowBytes(width, channels)));
}

size_t PngStripSpace(int width, int channels, int rows) {
  const size_t row_bytes = PngRowBytes(width, channels);
  return Aligned(sizeof(isal_zstream)) + Aligned(kLevelBytes) + 2 * Aligned(row_bytes) +
         Aligned(row_bytes * static_cast<size_t>(rows));
}

// Blocks that do not get smaller are stored, in 65,535 bytes at most with 5 bytes before them; one block has at most 128 K symbols, and
// ISA-L stores it only if that is shorter. A sixteenth is many times what noise takes (1.0001 of it; encode_png_test.cc).
size_t PngStripBound(int width, int channels, int rows) {
  const size_t bytes = PngRowBytes(width, channels) * static_cast<size_t>(rows);
  return Aligned(bytes + bytes / 16 + 4096);
}

std::optional<PngStrip> PackPngStrip(ImageView picture, int channels, int first, int count, bool last,
                                     std::span<uint8_t> space, std::span<uint8_t> out) {
  const size_t row_bytes = PngRowBytes(picture.width, channels);
  if (space.size() < PngStripSpace(picture.width, channels, count)) return std::nullopt;
  const Space work(space.data(), row_bytes);
  const uint8_t* above = first > 0 ? Packed(picture, channels, first - 1, work) : nullptr;
  for (int i = 0; i < count; ++i) {
    const uint8_t* row = Packed(picture, channels, first + i, work);
    FilterPngRow(row, above, picture.width, channels, work.filtered + static_cast<size_t>(i) * row_bytes);
    above = row;
  }
  const size_t bytes = row_bytes * static_cast<size_t>(count);
  const auto deflated = Deflate(work, bytes, last, out);
  if (!deflated) return std::nullopt;
  return PngStrip{.bytes = *deflated, .adler = Adler32({work.filtered, bytes})};
}

}  // namespace decal
