// A second pass: the model sees the surroundings of the subject again, closer. What both passes say is more often right than either.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <span>

#include "decal/cutout.h"

namespace decal {

// A part of a picture in pixels, and the cells that it is in the picture's matte.
struct CloserView {
  Box pixels, cells;
};

// The surroundings of `subject`, a box in the picture's pixels, for a matte of so many cells. Empty where they are nearly the
// whole picture, where there is no subject, and where the picture has not even half as many pixels as the matte has cells, so that there is no more to see.
std::optional<CloserView> ChooseCloserView(Extent picture, const Box& subject, Extent cells);

// `matte`, the first pass's, becomes what both passes say of `part`, where `second` is the model's matte of that part alone.
// If they show different subjects, it stays as it is. Errors: kOutOfMemory.
Status JoinPasses(std::span<float> matte, Extent cells, const Box& part, MatteView second);

}  // namespace decal
