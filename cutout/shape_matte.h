// Removes small islands of a matte and fills small holes.
// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "decal/result.h"

namespace decal {

// Parts are cells of a clean matte (width times the rest, 0..1) that touch by their sides, soft ones included. In place: islands with
// less than `least_island` of the largest part's sum become 0; holes, which do not reach the picture's edge, with less than
// `largest_hole` of it become 1. Errors: kOutOfMemory.
Status ShapeMatte(std::span<float> matte, int width, float least_island, float largest_hole);

}  // namespace decal
