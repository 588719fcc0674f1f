// Decodes the picture behind the subject, once, and puts it there, for each frame.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/video/backdrop.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "cli/picture_io.h"
#include "cli/report.h"

namespace decal::cli {
namespace {

// The part of a picture that has a frame's shape, in its middle.
Box CoveredPart(Extent picture, Extent frame) {
  const double scale =
      std::max(static_cast<double>(frame.width) / picture.width, static_cast<double>(frame.height) / picture.height);
  const auto fitting = [&](int side, int most) {
    return std::clamp(static_cast<int>(std::lround(side / scale)), 1, most);
  };
  const int width = fitting(frame.width, picture.width), height = fitting(frame.height, picture.height);
  return {(picture.width - width) / 2, (picture.height - height) / 2, width, height};
}

}  // namespace

Result<VideoBackdrop> VideoBackdrop::OfPicture(const std::string& path, Extent frame, ThreadRunner& runner) {
  auto file = ReadPictureFile(path, 0);
  if (!file) return std::unexpected(file.error());
  auto picture = DecodeInterruptibly(*std::move(file), path, {});
  if (!picture) return std::unexpected(picture.error());
  const size_t stride = size_t{4} * static_cast<size_t>(frame.width);
  VideoBackdrop backdrop;
  backdrop.pixels_.reset(new (std::nothrow) uint8_t[stride * static_cast<size_t>(frame.height)]);
  if (!backdrop.pixels_) return Fail(ErrorCode::kOutOfMemory, "no memory for the picture behind", path);
  const MutableImageView pixels = {backdrop.pixels_.get(), frame.width, frame.height, stride};
  const Box part = CoveredPart({picture->width, picture->height}, frame);
  if (Status taken = TakeFrame(picture->view(), {part, frame}, {}, pixels, runner); !taken)
    return std::unexpected(InFile(taken.error(), path));
  for (int y = 0; y < frame.height; ++y) {
    uint8_t* pixel = pixels.row(y);
    for (int x = 0; x < frame.width; ++x, pixel += 4) {
      for (int c = 0; c < 3; ++c) pixel[c] = static_cast<uint8_t>((pixel[c] * pixel[3] + 127) / 255);
    }
  }
  backdrop.picture_ = pixels;
  return backdrop;
}

VideoBackdrop VideoBackdrop::Blurred(float sigma) {
  VideoBackdrop backdrop;
  backdrop.sigma_ = sigma;
  return backdrop;
}

Status VideoBackdrop::Compose(MutableImageView frame, MatteView matte, const CompositeOptions& options,
                              CompositeMemory& memory, ThreadRunner& runner) {
  ImageView behind = picture_;
  if (sigma_ > 0) {
    auto blurred = blur_.Next(frame, matte, sigma_, runner);
    if (!blurred) return std::unexpected(blurred.error());
    behind = *blurred;
  }
  if (Status composed = Composite(frame, matte, options, frame, runner, nullptr, &memory); !composed) return composed;
  return PutBehind(behind, frame, runner);
}

}  // namespace decal::cli
