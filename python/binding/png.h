// The pixels of a PNG file, filtered and deflated.
// SPDX-License-Identifier: MIT
#pragma once

#include "binding/engine.h"

namespace decal::python {

// The zlib stream that a PNG's IDAT chunks hold: the first `channels` (3 or 4) of an RGBA array (H, W, 4) with dense rows, by at
// most so many threads, without the GIL. The bytes do not depend on their number. Throws kInvalidArgument for other arrays.
nanobind::bytes PackPng(const PictureArray& rgba, int channels, size_t threads);

}  // namespace decal::python
