// What --background puts behind the subject of a video where it is no single colour.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "decal/backdrop.h"
#include "decal/cutout.h"

namespace decal::cli {

// A picture that covers the frame, or the frame itself out of focus.
class VideoBackdrop {
 public:
  // Reads the picture and brings it to the size of a frame, as CSS's `object-fit: cover` does: what is too much is cut off evenly. What
  // is transparent in it becomes black. Errors name the file: of ReadPictureFile, DecodeInterruptibly and TakeFrame.
  static Result<VideoBackdrop> OfPicture(const std::string& path, Extent frame, ThreadRunner& runner);
  // `sigma` as for BackgroundBlur.
  static VideoBackdrop Blurred(float sigma);

  // Instead of Composite, in place. Errors: as its own and those of decal/backdrop.h.
  Status Compose(MutableImageView frame, MatteView matte, const CompositeOptions& options, CompositeMemory& memory,
                 ThreadRunner& runner);

 private:
  std::unique_ptr<uint8_t[]> pixels_;
  ImageView picture_;
  float sigma_ = 0;
  BackgroundBlur blur_;
};

}  // namespace decal::cli
