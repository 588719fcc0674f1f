// RGBA8 to PNG, in strips on every thread.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <vector>

#include "cli/picture_io.h"

namespace decal::cli {

// The file's bytes do not depend on the number of threads. Errors: kInternal.
Result<std::vector<std::byte>> EncodePng(ImageView picture, const EncodeOptions& options);

}  // namespace decal::cli
