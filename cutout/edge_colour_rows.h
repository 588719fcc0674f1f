// Rows of the pyramid that spreads the colours of an outline's two sides: four floats a cell, colour times weight and the weight.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace decal {

// `count` cells of planes of red, green and blue, each `stride` floats from the next, by how far alpha (or with `back` what is missing of
// it) is beyond `least`, squared.
void WeighCells(const float* rgb, size_t stride, const float* alpha, bool back, float least, size_t count,
                float* cells);

// A coarse row of `count` cells as the sums of those under it; `bottom` is null where there is no second row.
void PushCells(const float* top, const float* bottom, size_t fine_count, size_t count, float* cells);

// Sums become colours, with `coarse_weight` times the coarser level's, enlarged bilinearly, added: `near` is the coarse row that the cells lie
// in, `far` the one next to them. What becomes of the weights means nothing.
void PullCells(const float* near, const float* far, size_t coarse_count, float coarse_weight, size_t count,
               float* cells);

// The colours of `count` cells to three planes.
void SplitCells(const float* cells, size_t count, float* red, float* green, float* blue);

}  // namespace decal
