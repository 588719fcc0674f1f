// Colours as people write them.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace decal::cli {

// RGBA of "#rrggbb", "#rrggbbaa", "#rgb", "#rgba" (all without "#" too), "r,g,b" with 0..255 each, or a name of CSS Color 4,
// "transparent" among them, in any case. Empty for other texts.
std::optional<std::array<uint8_t, 4>> ParseColour(std::string_view text);

}  // namespace decal::cli
