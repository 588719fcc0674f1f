// Sums of a frame's pixels, by columns and then by cells.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace decal {

// sums[i] += bytes[i], or with `first` sums[i] = bytes[i].
void AddBytes(const uint8_t* bytes, bool first, size_t count, uint32_t* sums);

// For `count` cells the means of red, green and blue: of the columns lefts[x] to rights[x], four sums each, and of `rows` of them. What the
// sums come to in a cell is less than 2^32.
void MeanCells(const uint32_t* sums, const int32_t* lefts, const int32_t* rights, int rows, size_t count, float* red,
               float* green, float* blue);

}  // namespace decal
