// The RGB space for writing a picture in its own colours.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/pictures/converter.h"

namespace decal::cli {

// `profile` is empty if the result is plain sRGB.
struct OwnColours {
  std::vector<std::byte> profile;
  SampleLayout layout;  // for MakeConverter, with `to`
  Primaries to = kSrgbPrimaries;
};

// A cut-out is RGB with alpha. RGB pictures keep their numbers and their profile, or get one made of their primaries and transfer
// function; linear ones get sRGB's function, because 8 bits of light show steps. Inks and CIELAB, and RGB whose profile leads one
// way only, become Display P3. Grey is within sRGB, and high dynamic range is tone-mapped to it. What is not simply kept is said
// in `notes`.
OwnColours OwnColoursOf(const SampleLayout& layout, std::vector<std::string>& notes);

// An sRGB colour in such a profile's values; alpha stays.
std::array<uint8_t, 4> ToOwnColour(const std::vector<std::byte>& profile, std::array<uint8_t, 4> srgb);

}  // namespace decal::cli
