// What a TIFF's samples are, and their way into a row of whole bytes, words or floats.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "cli/pictures/bytes.h"
#include "cli/pictures/converter.h"

namespace decal::cli {

enum class TiffFormat { kUnsigned, kSigned, kFloat };

// Samples of one kind as libtiff delivers them: whole bytes in the machine's order, other depths packed, first sample in the
// highest bits.
struct TiffSamples {
  int bits = 8;
  TiffFormat format = TiffFormat::kUnsigned;

  // Depths and formats that Unpack knows.
  bool known() const;
  // The type that holds them: depths up to 8 bits as kU8, other integers as kU16, floats as kF32.
  SampleType type() const;
};

// `count` samples from `row` (bytes that are missing count as 0) into `out`, every one as `samples.type()` with the whole range used:
// signed integers from 0 up, what is negative as 0. With `raw` integers stay as they are stored (in 16 bits), as palette indices
// and CIELAB need it.
void UnpackTiff(ByteSpan row, const TiffSamples& samples, size_t count, bool raw, void* out);

}  // namespace decal::cli
