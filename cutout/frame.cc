// The part of the picture that a result shows: cropped to the subject, extended to an aspect ratio, and resized.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "cutout/pixel.h"
#include "cutout/resample.h"
#include "decal/cutout.h"

namespace decal {
namespace {

constexpr int kMostSide = 32768;
constexpr double kMostPixels = 1 << 30;

std::unexpected<Error> OutOfRange(const char* option, const char* range) {
  return Fail(ErrorCode::kInvalidArgument, std::string(option) + " is not within " + range);
}

Status Check(const FrameOptions& options) {
  // Written so that NaN fails.
  if (options.crop && !(*options.crop >= 0 && *options.crop <= 100)) return OutOfRange("crop", "0 and 100");
  const float ratio = options.aspect_ratio;
  if (!(ratio == 0 || (ratio >= 0.01f && ratio <= 100))) return OutOfRange("aspect_ratio", "0.01 and 100");
  if (!(options.scale >= 0.01f && options.scale <= 8)) return OutOfRange("scale", "0.01 and 8");
  const auto is_side = [](int side) { return side >= 0 && side <= kMostSide; };
  if (!is_side(options.size.width) || !is_side(options.size.height)) return OutOfRange("size", "1 and 32768 pixels");
  const bool sized = options.size != Extent{};
  if (sized && options.scale != 1) return Fail(ErrorCode::kInvalidArgument, "size and scale exclude each other");
  if (options.size.width > 0 && options.size.height > 0 && ratio != 0) {
    return Fail(ErrorCode::kInvalidArgument, "aspect_ratio and a size with both sides exclude each other");
  }
  return {};
}

// Pixels to fill a row with.
void Fill(uint8_t* row, size_t count, std::array<uint8_t, 4> colour) {
  for (size_t x = 0; x < count; ++x) std::memcpy(row + 4 * x, colour.data(), 4);
}

}  // namespace

Result<Frame> ChooseFrame(Extent picture, const Box& visible, const FrameOptions& options) {
  DECAL_TRY(Check(options));
  if (picture.width <= 0 || picture.height <= 0) return Fail(ErrorCode::kInvalidArgument, "the picture is empty");
  Frame frame{{0, 0, picture.width, picture.height}, {}};
  Box& box = frame.source;
  double ratio = options.aspect_ratio;
  if (options.size.width > 0 && options.size.height > 0)
    ratio = static_cast<double>(options.size.width) / options.size.height;
  const bool cut = options.crop && visible.width > 0 && visible.height > 0;
  if (cut) {
    const int margin = static_cast<int>(std::lround(*options.crop / 100.0 * std::max(visible.width, visible.height)));
    box = {visible.x - margin, visible.y - margin, visible.width + 2 * margin, visible.height + 2 * margin};
    if (ratio == 0) {  // no larger frame was requested
      const int right = std::min(picture.width, box.x + box.width),
                bottom = std::min(picture.height, box.y + box.height);
      box = {std::max(0, box.x), std::max(0, box.y), 0, 0};
      box.width = right - box.x;
      box.height = bottom - box.y;
    }
  }
  if (ratio != 0) {
    const int width = std::max(box.width, static_cast<int>(std::lround(box.height * ratio)));
    const int height = std::max(box.height, static_cast<int>(std::lround(box.width / ratio)));
    box = {box.x - (width - box.width) / 2, box.y - (height - box.height) / 2, width, height};
  }
  const auto scaled = [](double side) { return std::max(1.0, std::round(side)); };
  double width = scaled(static_cast<double>(box.width) * options.scale),
         height = scaled(static_cast<double>(box.height) * options.scale);
  if (options.size.width > 0 && options.size.height > 0) {
    width = options.size.width, height = options.size.height;
  } else if (options.size.width > 0) {
    width = options.size.width, height = scaled(width * box.height / box.width);
  } else if (options.size.height > 0) {
    height = options.size.height, width = scaled(height * box.width / box.height);
  }
  if (width * height > kMostPixels || std::max(width, height) > INT32_MAX / 4) {
    return Fail(ErrorCode::kLimitExceeded, "a result of " + std::to_string(static_cast<int64_t>(width)) + " x " +
                                               std::to_string(static_cast<int64_t>(height)) + " pixels is too large");
  }
  frame.extent = {static_cast<int>(width), static_cast<int>(height)};
  return frame;
}

Status TakeFrame(ImageView picture, const Frame& frame, std::array<uint8_t, 4> beyond, MutableImageView out,
                 ThreadRunner& runner) {
  DECAL_TRY(CheckPicture(picture));
  DECAL_TRY(CheckPicture(out));
  const Box& box = frame.source;
  if (box.width <= 0 || box.height <= 0 || Extent{out.width, out.height} != frame.extent) {
    return Fail(ErrorCode::kInvalidArgument, "frame and result differ in size");
  }
  const int left = std::max(0, box.x), right = std::min<int>(picture.width, box.x + box.width);
  const int top = std::max(0, box.y), bottom = std::min<int>(picture.height, box.y + box.height);
  if (beyond[3] == 0) beyond = {};
  // Where in the result the picture is, to whole pixels.
  const auto to_out = [](int at, int begin, int length, int pixels) {
    return static_cast<int>(std::lround(static_cast<double>(at - begin) * pixels / length));
  };
  const bool shows = left < right && top < bottom;
  const int x0 = shows ? std::min(to_out(left, box.x, box.width, out.width), out.width - 1) : 0;
  const int y0 = shows ? std::min(to_out(top, box.y, box.height, out.height), out.height - 1) : 0;
  const int x1 = shows ? std::max(x0 + 1, to_out(right, box.x, box.width, out.width)) : 0;
  const int y1 = shows ? std::max(y0 + 1, to_out(bottom, box.y, box.height, out.height)) : 0;
  ParallelFor(runner, static_cast<size_t>(out.height), [&](size_t task, size_t) {
    const int y = static_cast<int>(task);
    uint8_t* row = out.row(y);
    if (y < y0 || y >= y1) return Fill(row, static_cast<size_t>(out.width), beyond);
    Fill(row, static_cast<size_t>(x0), beyond);
    Fill(row + 4 * x1, static_cast<size_t>(out.width - x1), beyond);
  });
  if (!shows) return {};
  const ImageView part{picture.row(top) + 4 * static_cast<size_t>(left), right - left, bottom - top,
                       picture.stride_bytes};
  const MutableImageView place{out.row(y0) + 4 * static_cast<size_t>(x0), x1 - x0, y1 - y0, out.stride_bytes};
  if (part.width != place.width || part.height != place.height) return ResizeImage(part, place, runner);
  ParallelFor(runner, static_cast<size_t>(place.height), [&](size_t y, size_t) {
    std::memcpy(place.row(static_cast<int>(y)), part.row(static_cast<int>(y)), 4 * static_cast<size_t>(place.width));
  });
  return {};
}

}  // namespace decal
