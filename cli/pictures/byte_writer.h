// Bytes appended one after the other, as files of pictures are written.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "cli/pictures/bytes.h"

namespace decal::cli {

using Bytes = std::vector<std::byte>;

inline void Append(Bytes& to, ByteSpan bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }
inline void Append(Bytes& to, std::string_view text) { Append(to, std::as_bytes(std::span(text))); }
inline void AppendBig(Bytes& to, uint32_t value, int size) {
  while (size-- > 0) to.push_back(static_cast<std::byte>(value >> (8 * size)));
}

// The nearest whole number from 1 to `limit`.
inline uint32_t Rounded(double value, double limit) {
  return static_cast<uint32_t>(std::clamp(std::round(value), 1.0, limit));
}

}  // namespace decal::cli
