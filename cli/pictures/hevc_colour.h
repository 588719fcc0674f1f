// The colours stated in an HEVC stream itself: libheif 1.15 reports only those in the file's boxes.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "cli/pictures/bytes.h"

namespace decal::cli {

// Numbers of ITU-T H.273.
struct StreamColour {
  int primaries = 2, transfer = 2;
  bool full_range = false;
};

// Of the first HEVC configuration in a HEIF file ("hvcC"): the video usability information of its sequence parameter set (ITU-T H.265,
// 7.3.2.2 and E.2.1). Empty if there is none.
std::optional<StreamColour> HevcColour(ByteSpan file);

}  // namespace decal::cli
