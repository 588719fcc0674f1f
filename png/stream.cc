// SPDX-License-Identifier: MIT
#include "png/stream.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <optional>
#include <string>

#include "png/adler32.h"
#include "png/strip.h"
#include "png/workspace.h"

namespace decal {
namespace {

constexpr size_t kChecksumBytes = 4;

// The memory of a part that begins with `head` and `packed`, and has room for `tail` bytes more; none if the system has none.
PngPart MakePart(std::span<const uint8_t> head, std::span<const uint8_t> packed, size_t tail) {
  const size_t size = head.size() + packed.size() + tail;
  PngPart part{std::unique_ptr<uint8_t[]>(new (std::nothrow) uint8_t[size]), size};
  if (part.memory) std::ranges::copy(packed, std::ranges::copy(head, part.memory.get()).out);
  return part;
}

}  // namespace

size_t PngPartCount(int width, int height, int channels) {
  return static_cast<size_t>((height - 1) / PngStripRows(width, channels) + 1);
}

Result<std::vector<PngPart>> PackPngStream(ImageView picture, int channels, ThreadRunner& runner) {
  const int strip_rows = std::min(picture.height, PngStripRows(picture.width, channels));
  std::vector<PngPart> parts(PngPartCount(picture.width, picture.height, channels));
  std::vector<uint32_t> checksums(parts.size());
  const auto rows_of = [&](size_t i) {
    return std::min(strip_rows, picture.height - static_cast<int>(i) * strip_rows);
  };

  std::vector<std::optional<PngWorkspace>> spaces(runner.thread_count());
  std::atomic<bool> packed = true;
  ParallelFor(runner, parts.size(), [&](size_t i, size_t thread) {
    const bool last = i + 1 == parts.size();
    std::optional<PngWorkspace>& space = spaces[thread];
    if (!space) space.emplace(picture.width, channels, strip_rows);
    if (!*space) return;
    const auto strip = space->Pack(picture, channels, static_cast<int>(i) * strip_rows, rows_of(i), last);
    if (!strip) {
      packed = false;
      return;
    }
    checksums[i] = strip->adler;
    parts[i] = MakePart(i == 0 ? std::span(kZlibHeader) : std::span<const uint8_t>(), space->out().first(strip->bytes),
                        last ? kChecksumBytes : 0);
  });
  if (!packed) return Fail(ErrorCode::kInternal, "cannot make a PNG file: deflate failed");
  // Nor is a part there that a HeedfulRunner has left out.
  if (!std::ranges::all_of(parts, [](const PngPart& part) { return part.memory != nullptr; }))
    return Fail(ErrorCode::kOutOfMemory, "no memory for a PNG file");

  uint32_t checksum = 1;
  for (size_t i = 0; i < parts.size(); ++i) {
    checksum =
        CombineAdler32(checksum, checksums[i], PngRowBytes(picture.width, channels) * static_cast<size_t>(rows_of(i)));
  }
  uint8_t* end = parts.back().memory.get() + parts.back().size;
  for (size_t k = 1; k <= kChecksumBytes; ++k, checksum >>= 8)
    end[-static_cast<ptrdiff_t>(k)] = static_cast<uint8_t>(checksum);
  return parts;
}

}  // namespace decal
