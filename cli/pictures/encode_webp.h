// RGBA8 to WebP: lossy colours, lossless alpha.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <vector>

#include "cli/picture_io.h"

namespace decal::cli {

// Two threads where `options.runner` has more than one. Errors: kInternal, kOutOfMemory.
Result<std::vector<std::byte>> EncodeWebp(ImageView picture, const EncodeOptions& options);

}  // namespace decal::cli
