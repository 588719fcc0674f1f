// The profile with which a picture's own colours can be written again.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cli/pictures/converter.h"

namespace decal::cli {

// Of RGB pictures that are not sRGB: the profile they came with, or one made of their primaries and transfer function. Empty for
// all others, for high dynamic range (which 8 bits do not hold) and for profiles that do not fit.
std::vector<std::byte> OwnProfile(const SampleLayout& layout);

// An sRGB colour in such a profile's values; alpha stays.
std::array<uint8_t, 4> ToOwnColour(const std::vector<std::byte>& profile, std::array<uint8_t, 4> srgb);

}  // namespace decal::cli
