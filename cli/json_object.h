// One JSON object, member by member; the names are those of border/answers.json.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "border/keys.h"
#include "cli/report.h"

namespace decal::cli {

class JsonObject {
 public:
  // Text is quoted and escaped; numbers and flags are written as they are.
  template <class T>
  JsonObject& Add(std::string_view key, const T& value) {
    if constexpr (std::is_convertible_v<T, std::string_view>) return AddRaw(key, JsonString(value));
    else return AddRaw(key, fmt::format("{}", value));
  }
  // With this many digits after the point.
  JsonObject& AddDecimal(std::string_view key, double value, int digits) {
    return AddRaw(key, fmt::format("{:.{}f}", value, digits));
  }
  // What is JSON already.
  JsonObject& AddRaw(std::string_view key, std::string_view json) {
    text_ += fmt::format("{}\"{}\":{}", text_.empty() ? "" : ",", key, json);
    return *this;
  }
  std::string ToString() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

// [a,b,c] of what is JSON already, or of numbers.
template <class Items>
std::string JsonArray(const Items& items) {
  return fmt::format("[{}]", fmt::join(items, ","));
}

}  // namespace decal::cli
