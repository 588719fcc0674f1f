// Just enough JSON writing for the few objects that cross the border; no printf, no streams.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace decal::json {

// Appends `text` in quotes, escaped.
void AppendString(std::string& out, std::string_view text);

// Appends `value` with three decimals, rounded; what is not finite or over 2^53 becomes 0.
void AppendNumber(std::string& out, double value);

void AppendInteger(std::string& out, int64_t value);

// Begins a member of the object that `out` ends with: a comma before all but the first, `"key":`.
void AppendKey(std::string& out, std::string_view key);

// A whole member.
template <class T>
void AppendField(std::string& out, std::string_view key, const T& value) {
  AppendKey(out, key);
  if constexpr (std::is_integral_v<T>) AppendInteger(out, static_cast<int64_t>(value));
  else if constexpr (std::is_floating_point_v<T>) AppendNumber(out, value);
  else AppendString(out, value);
}

}  // namespace decal::json
