// A soft shadow on the ground below the subject.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "cutout/alpha_plane.h"
#include "decal/image.h"

namespace decal {

// How dark a picture's ground is, 0..1, on a grid of at most 384 cells along its longer side; `cells` keeps the values.
struct Shadow {
  Buffer cells;
  MatteView view;
};

// The subject's silhouette, laid flat below its lowest point and blurred: wider away from it, tighter where it touches the ground.
// `strength` 0..1 is how dark it gets. Errors: kOutOfMemory.
Result<Shadow> CastShadow(const AlphaPlane& plane, float strength, ThreadRunner& runner);

// Puts black of that darkness (0..1 a pixel) behind `count` pixels of a cut-out, in place: source-over (Porter and Duff 1984) on
// straight alpha.
void PutShadowBehind(const float* darkness, size_t count, uint8_t* rgba);

}  // namespace decal
