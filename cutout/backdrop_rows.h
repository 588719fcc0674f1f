// Rows of pictures that are put behind cut-outs.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace decal {

// `cutout` over `behind`, `count` pixels of RGBA8 each: opaque.
void PutRowBehind(const uint8_t* behind, size_t count, uint8_t* cutout);

}  // namespace decal
