// Refines the matte along its outline by the picture: a linear model of alpha by colour, and the colours of both sides,
// on a grid as coarse as the matte.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "decal/cutout.h"
#include "decal/image.h"
#include "decal/parallel.h"
#include "engine/base/buffer.h"

namespace decal {

// Planes of a grid. Within the band alpha = red * R + green * G + blue * B + offset (R, G, B of the picture's pixel, 0..1; the
// planes enlarged bilinearly, the sum limited to 0..1); outside of it the offset is alpha. The other planes are the colours
// that subject and background have nearby, 0..1, so that a mixed pixel can be taken apart.
enum EdgePlane { kSlope = 0, kOffset = 3, kFront = 4, kBack = 7, kEdgePlanes = 10 };

struct EdgeFields {
  int width = 0, height = 0;
  bool has_colours = false;
  bool has_slopes = false;  // otherwise those planes hold zeros
  Buffer planes, band_flags;

  size_t cells() const { return static_cast<size_t>(width) * static_cast<size_t>(height); }
  int plane_count() const { return has_colours ? kEdgePlanes : kFront; }
  float* plane(int index) { return reinterpret_cast<float*>(planes.data()) + static_cast<size_t>(index) * cells(); }
  const float* plane(int index) const { return const_cast<EdgeFields*>(this)->plane(index); }
  // 1 for cells of the band. Outside of it alpha is 0 or 1, and the same in all neighbours that are outside, too.
  uint8_t* band() { return reinterpret_cast<uint8_t*>(band_flags.data()); }
  const uint8_t* band() const { return reinterpret_cast<const uint8_t*>(band_flags.data()); }
};

// What FitEdges works in and its result, for the next call too.
struct EdgeMemory {
  EdgeFields fields;
  Buffer work, matte_rows, threads, pyramids;

  // All but the result.
  void FreeWork() { work = {}, matte_rows = {}, threads = {}, pyramids = {}; }
  size_t size_bytes() const {
    return fields.planes.size_bytes() + fields.band_flags.size_bytes() + work.size_bytes() + matte_rows.size_bytes() +
           threads.size_bytes() + pyramids.size_bytes();
  }
};

// Whether there is anything to do for that matte: it is smaller than the picture in both directions, and no line of pixels.
bool HasEdgeFields(Extent picture, Extent matte);

// Whether the grid is coarser than what a matte of that size says at a picture of that size: its own rows say more then.
bool IsFinerThanFields(Extent picture, Extent matte);

// `matte` (values of any kind: cleaned) says where the outline is, the picture how it runs; see the source for the method. With
// `refine` off alpha is the matte, enlarged. The result is memory.fields. Errors: kOutOfMemory.
Status FitEdges(ImageView picture, MatteView matte, Refine refine, bool colours, EdgeMemory& memory,
                ThreadRunner& runner);

// Fills kFront and kBack of memory.fields from the grid's own colours (three planes, 0..1) and alpha.
Status SpreadColours(const float* rgb, const float* alpha, EdgeMemory& memory, ThreadRunner& runner);

// What FitEdges holds at its peak.
size_t EdgeFieldsBytes(Extent picture, Extent matte, Refine refine, bool colours);

}  // namespace decal
