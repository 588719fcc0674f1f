// The rows of a TIFF's current directory: strips and tiles, channels together or apart, in the order of the picture.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <vector>

#include "cli/pictures/tiff_file.h"
#include "cli/pictures/tiff_samples.h"

namespace decal::cli {

struct TiffGrid {
  uint32_t width = 0, height = 0;
  uint16_t samples_per_pixel = 1;
  bool separate = false;        // every channel in planes of its own
  std::vector<uint16_t> wanted;  // the channels to deliver, in this order
  TiffSamples samples;
  bool raw = false;  // see UnpackTiff
};

// Calls `take` for every row from the top with the wanted channels interleaved, of type samples.type() (raw: uint16_t). Errors:
// kCorruptImage, kLimitExceeded for strips or tiles beyond the limit, kCancelled, and what `take` returns.
Status ReadTiffRows(TiffFile& tiff, const TiffGrid& grid, const Canvas& canvas, size_t max_bytes,
                    const std::function<void(int y, void* row)>& take);

}  // namespace decal::cli
