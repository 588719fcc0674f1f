// Writes JSON strings and numbers.
// SPDX-License-Identifier: MIT
#include "engine/base/json.h"

#include <cmath>

namespace decal::json {

void AppendString(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      constexpr char kHex[] = "0123456789abcdef";
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;  // a model's names may not be UTF-8; the host's decoder replaces what is not
    }
  }
  out += '"';
}

void AppendNumber(std::string& out, double value) {
  if (!(std::fabs(value) < 0x1p53 / 1000)) value = 0;
  if (value < 0) out += '-';
  const int64_t thousandths = static_cast<int64_t>(std::fabs(value) * 1000 + 0.5);
  AppendInteger(out, thousandths / 1000);
  if (const int64_t rest = thousandths % 1000; rest != 0) {
    out += '.';
    out += static_cast<char>('0' + rest / 100);
    out += static_cast<char>('0' + rest / 10 % 10);
    out += static_cast<char>('0' + rest % 10);
  }
}

void AppendInteger(std::string& out, int64_t value) { out += std::to_string(value); }

void AppendKey(std::string& out, std::string_view key) {
  if (out.back() != '{') out += ',';
  AppendString(out, key);
  out += ':';
}

}  // namespace decal::json
