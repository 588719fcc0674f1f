// A second pass: the model sees the surroundings of the subject again, closer. What both passes say is more often right than either.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "decal/cutout.h"

namespace decal {

// The surroundings of `subject`, a box in the picture's pixels, in cells of a matte of so many. Empty where they are nearly the whole
// picture, where there is no subject, and where the picture has not even half as many pixels as the matte has cells, so that
// there is no more to see.
Box ChooseCloserView(Extent picture, const Box& subject, Extent cells);

// The pixels of the picture under a part of its matte.
Box PixelsUnder(const Box& part, Extent cells, Extent picture);

// `matte`, the first pass's, becomes what both passes say of `part`, a box of its cells, where `second` is the model's matte of that
// part alone. If they show different subjects, it stays as it is.
void JoinPasses(std::span<float> matte, Extent cells, const Box& part, MatteView second);

}  // namespace decal
