// Just enough JSON writing for the few objects that cross the border; no printf, no streams.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace decal::json {

// Appends `text` in quotes, escaped.
void AppendString(std::string& out, std::string_view text);

// Appends `value` with three decimals, rounded; what is not finite or over 2^53 becomes 0.
void AppendNumber(std::string& out, double value);

void AppendInteger(std::string& out, int64_t value);

}  // namespace decal::json
