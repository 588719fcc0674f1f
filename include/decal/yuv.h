// Frames as cameras and video decoders give them, Y'CbCr in planes of bytes, to RGBA.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "decal/image.h"
#include "decal/parallel.h"
#include "decal/result.h"

namespace decal {

// A frame of 8 bits a sample: 4:2:0 (I420, NV12), 4:2:2, 4:4:4, or grey. Sizes of chroma are halved upwards.
struct YuvView {
  int width = 0, height = 0;
  const uint8_t* luma = nullptr;
  size_t luma_stride = 0;  // bytes from row to row
  const uint8_t* cb = nullptr;  // null: grey, and so is `cr`
  const uint8_t* cr = nullptr;
  size_t chroma_stride = 0;
  int chroma_step = 1;  // bytes from sample to sample: 2 where both share a plane (NV12)
  bool half_width = true, half_height = true;  // of chroma
};

// What the numbers mean: how much red and blue count in luma (BT.601: 0.299, 0.114; BT.709: 0.2126, 0.0722), and whether 0..255 or
// 16..235 (chroma 16..240) is from black to white.
struct YuvColours {
  double red = 0.2126, blue = 0.0722;
  bool full_range = false;
};

// Opaque RGBA of the same size: within one level of what the standards say, and the same on every instruction set and for any number of
// threads. Chroma is interpolated linearly between its samples, which are taken to lie in the middle of the pixels that they are
// for. Errors: kInvalidArgument for an empty frame, strides that are too short, another size, or shares of luma that leave green less than
// 0.4; kOutOfMemory.
Status YuvToRgba(const YuvView& from, const YuvColours& colours, MutableImageView to, ThreadRunner& runner);

}  // namespace decal
