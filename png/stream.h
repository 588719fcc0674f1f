// A PNG's one zlib stream (RFC 1950), whose strips are made beside each other.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "decal/image.h"
#include "decal/parallel.h"
#include "decal/result.h"

namespace decal {

// A piece of the stream.
struct PngPart {
  std::unique_ptr<uint8_t[]> memory;
  size_t size = 0;

  std::span<const uint8_t> bytes() const { return {memory.get(), size}; }
};

// How many parts the stream of such a picture has: more threads than these have nothing to do.
size_t PngPartCount(int width, int height, int channels);

// What IDAT chunks hold, a part a strip: the first begins with the stream's header, the last ends with its checksum. `channels`: of RGBA the
// first so many. The parts do not depend on the number of threads. Errors: kOutOfMemory, also if `runner` leaves out
// tasks; kInternal, if ISA-L fails.
Result<std::vector<PngPart>> PackPngStream(ImageView picture, int channels, ThreadRunner& runner);

}  // namespace decal
