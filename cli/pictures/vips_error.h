// libvips' reason for its last error.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <vips/vips.h>

namespace decal::cli {

// The first line of libvips' error text; the rest repeats it in other words. Forgets the text.
inline std::string VipsReason() {
  std::string text = vips_error_buffer();
  vips_error_clear();
  text = text.substr(0, text.find('\n'));
  return text.empty() ? "the decoder gave no reason" : text;
}

}  // namespace decal::cli
