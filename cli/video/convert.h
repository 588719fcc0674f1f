// Pictures between RGBA and the pixel formats of video, with the colours that a video says it has.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "cli/video/frame.h"

namespace decal::cli {

// The matrix, primaries and range of a frame. What it leaves open is guessed as players do: BT.709 from 720 lines or 1280 columns on, BT.601
// below; limited range.
VideoColours ColoursOf(const AVFrame& frame);

// FFmpeg's frames to RGBA of a fixed size, and back.
class FrameConverter {
 public:
  // `to` has the size that is wanted, and dense rows. Errors: kUnsupported for pixel formats without colours that we know, kOutOfMemory.
  Status ToRgba(const AVFrame& from, MutableImageView to);
  // `to` has its buffers, pixel format and size; `from` may be up to one column and row larger, which are left out.
  Status FromRgba(ImageView from, const VideoColours& colours, AVFrame& to);

 private:
  AvPtr<SwsContext> scaler_;
};

// The orientation that a display matrix (3 x 3, as in MP4's tkhd) asks for: turns by right angles and mirrors.
struct Orientation {
  bool transpose = false;  // first
  bool flip_x = false, flip_y = false;  // then, of the result
  bool is_plain() const { return !transpose && !flip_x && !flip_y; }
};

// False for a matrix that turns by another angle.
bool OrientationOf(const int32_t* matrix, Orientation& orientation);

// `to` has the sides of `from`, exchanged where it is transposed.
void Orient(ImageView from, const Orientation& orientation, MutableImageView to);

// Gives pixels that are fully transparent the mean colour of what is visible in their block of 16 x 16, where anything is: subsampled
// colours and a coarse encoder would otherwise draw the black of nothing into the subject's edge.
void SpreadColours(MutableImageView picture);

}  // namespace decal::cli
