// Converts frames of cameras and video decoders (planes of 8-bit Y'CbCr) to RGBA.
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

// A frame of 8 bits per sample: 4:2:0 (I420, NV12), 4:2:2, 4:4:4 or grey. Halved sizes of chroma planes are rounded up.
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

// The colour matrix, by the weights of red and blue in luma (BT.601: 0.299, 0.114; BT.709: 0.2126, 0.0722), and the range: full
// (0..255) or limited (16..235, chroma 16..240).
struct YuvColours {
  double red = 0.2126, blue = 0.0722;
  bool full_range = false;
};

// Writes opaque RGBA of the same size. Values are within one level of the standards' formulas, and the same on every instruction set and
// for any number of threads. Chroma is interpolated linearly; each sample is centred on the pixels that share it. Errors:
// kInvalidArgument for an empty frame, strides that are too short, another size, or weights that leave less than 0.4 for green;
// kOutOfMemory.
Status YuvToRgba(const YuvView& from, const YuvColours& colours, MutableImageView to, ThreadRunner& runner);

}  // namespace decal
