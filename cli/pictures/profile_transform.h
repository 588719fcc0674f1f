// An ICC profile as a function from device values to sRGB, by Little CMS.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/pictures/converter.h"

namespace decal::cli {

// Converts `count` pixels of colour channels alone to RGB bytes.
using ColourFunction = std::function<void(const void* colours, uint8_t* rgb, size_t count)>;

// Empty where the profile cannot be used: then `notes` says why. Relative colorimetric intent, with black point compensation for
// inks; perceptual where that is the only table of the profile. `type` and `model` are those of `layout`.
ColourFunction MakeProfileFunction(const std::vector<std::byte>& icc, SampleType type, ColourModel model,
                                   std::vector<std::string>& notes);

}  // namespace decal::cli
