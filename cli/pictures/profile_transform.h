// An ICC profile as a function from device values to RGB, by Little CMS.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/pictures/converter.h"

namespace decal::cli {

// Converts `count` pixels of colour channels alone to RGB bytes.
using ColourFunction = std::function<void(const void* colours, uint8_t* rgb, size_t count)>;

// The profile of `layout.colour`. Empty if it cannot be used: then `notes` says why. Relative colorimetric intent, with black
// point compensation for up to four inks, whose black point Little CMS finds; perceptual where that is the only table of the profile. `to`: the primaries of the RGB, whose
// transfer function is sRGB's.
ColourFunction MakeProfileFunction(const SampleLayout& layout, std::vector<std::string>& notes,
                                   const Primaries& to = kSrgbPrimaries);

// How many channels the profile's values have, where it is one for inks; 0 for others and damaged ones.
int InksOfProfile(const std::vector<std::byte>& icc);

// A profile of these primaries and that transfer function.
std::vector<std::byte> MakeRgbProfile(const Primaries& primaries, Transfer transfer, double gamma);

}  // namespace decal::cli
