// Pillow's LANCZOS on all threads, to the byte when enlarging: what rembg resizes masks with.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "decal/cutout.h"
#include "decal/parallel.h"

namespace decal::python {

// 8-bit samples, `channels` a pixel, row after row without gaps.
struct Samples {
  const uint8_t* data;
  Extent extent;
  int channels;
};

// Resizes to `extent` (row after row at `to`) by the Lanczos window of three lobes, widened when reducing, columns before rows. As
// Pillow does: weights are whole numbers of 2^-22, each of the two passes rounds to 8 bits, and one that changes nothing is left out.
// Pillow 13 has another order for some shapes when it reduces: then bytes may differ by a level.
void ResizeLanczos(const Samples& from, Extent extent, uint8_t* to, ThreadRunner& runner);

// The picture (3 or 4 channels) times `mask` (1 channel, resized to the picture's size by ResizeLanczos), as RGBA at `to`: what pasting
// through a mask onto transparent black gives, colours included.
void PasteThrough(const Samples& picture, const Samples& mask, uint8_t* to, ThreadRunner& runner);

}  // namespace decal::python
