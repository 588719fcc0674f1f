// Size limits and the eight orientations of EXIF.
// SPDX-License-Identifier: MIT
#include "cli/pictures/canvas.h"

#include <algorithm>
#include <cstring>
#include <new>

#include <fmt/format.h>

#include "cli/pictures/own_profile.h"

namespace decal::cli {
namespace {

// 2^28 pixels are 1 GiB as RGBA8: above any camera, below what a small machine survives.
constexpr int64_t kMaxPixels = int64_t{1} << 28;

std::string ByteText(double bytes) {
  return bytes >= 1e9 ? fmt::format("{:.1f} GB", bytes / 1e9) : fmt::format("{:.1f} MB", bytes / 1e6);
}

}  // namespace

bool SwapsSides(int orientation) { return orientation >= 5 && orientation <= 8; }

Status Canvas::CheckSize(int64_t width, int64_t height, size_t sample_bytes) const {
  if (width <= 0 || height <= 0 || width > INT32_MAX || height > INT32_MAX) {
    return Fail(ErrorCode::kCorruptImage, fmt::format("damaged picture: a size of {} x {}", width, height));
  }
  const int64_t most = options_.max_pixels > 0 ? std::min(options_.max_pixels, kMaxPixels) : kMaxPixels;
  if (width > most / height) {
    return Fail(ErrorCode::kLimitExceeded, fmt::format("{} x {} pixels are over the limit of {}", width, height, most));
  }
  const size_t limit = options_.max_bytes != 0 ? options_.max_bytes : DefaultMaxMemory();
  const double needed =
      static_cast<double>(width) * static_cast<double>(height) * static_cast<double>(sample_bytes + 4);
  if (needed > static_cast<double>(limit)) {
    return Fail(ErrorCode::kLimitExceeded,
                fmt::format("{} x {} pixels take {} decoded, over the limit of {} (--max-memory)", width, height,
                            ByteText(needed), ByteText(static_cast<double>(limit))));
  }
  return options_.target ? CheckSides(width, height, *options_.target) : Status();
}

Status Canvas::Begin(int64_t width, int64_t height, const SampleLayout& layout, int orientation) {
  if (Status fits = CheckSize(width, height, layout.pixel_bytes()); !fits) return fits;
  width_ = static_cast<int>(width);
  height_ = static_cast<int>(height);
  orientation_ = orientation >= 1 && orientation <= 8 ? orientation : 1;
  picture_.width = SwapsSides(orientation_) ? height_ : width_;
  picture_.height = SwapsSides(orientation_) ? width_ : height_;
  if (picture_.density && SwapsSides(orientation_)) std::swap(picture_.density->x, picture_.density->y);

  const size_t bytes = size_t{4} * static_cast<size_t>(width_) * static_cast<size_t>(height_);
  const auto no_memory = [&] {
    return Fail(ErrorCode::kOutOfMemory, fmt::format("no memory for {} x {} pixels", picture_.width, picture_.height));
  };
  picture_.rgba.reset(new (std::nothrow) uint8_t[bytes]);
  if (!picture_.rgba) return no_memory();
  if (options_.own_colours) {
    OwnColours own = OwnColoursOf(layout, picture_.notes);
    picture_.profile = std::move(own.profile);
    if (!picture_.profile.empty()) {
      picture_.own_rgba.reset(new (std::nothrow) uint8_t[bytes]);
      if (!picture_.own_rgba) return no_memory();
      std::vector<std::string> told;  // by the picture itself
      convert_own_ = MakeConverter(own.layout, told, own.to);
    }
  }
  convert_ = MakeConverter(layout, picture_.notes);
  row_.resize(size_t{4} * static_cast<size_t>(width_));
  return {};
}

void Canvas::Put(int y, const void* samples) {
  if (y < 0 || y >= height_) return;
  const auto count = static_cast<size_t>(width_);
  if (orientation_ == 1) {
    convert_(samples, picture_.rgba.get() + 4 * count * static_cast<size_t>(y), count);
  } else {
    convert_(samples, row_.data(), count);
    PutRgba(picture_.rgba.get(), y, row_.data());
  }
  if (convert_own_) {
    convert_own_(samples, row_.data(), count);
    PutRgba(picture_.own_rgba.get(), y, row_.data());
  }
}

void Canvas::PutRgba(uint8_t* picture, int y, const uint8_t* rgba) const {
  const int64_t w = width_, h = height_, row = y;
  int64_t begin = 0, step = 0;  // pixels: where x = 0 goes, and how far x = 1 is from it
  switch (orientation_) {
    case 1: begin = row * w, step = 1; break;
    case 2: begin = row * w + w - 1, step = -1; break;
    case 3: begin = (h - 1 - row) * w + w - 1, step = -1; break;
    case 4: begin = (h - 1 - row) * w, step = 1; break;
    case 5: begin = row, step = h; break;
    case 6: begin = h - 1 - row, step = h; break;
    case 7: begin = (w - 1) * h + h - 1 - row, step = -h; break;
    case 8: begin = (w - 1) * h + row, step = -h; break;
    default: break;
  }
  for (int64_t x = 0; x < w; ++x) std::memcpy(picture + 4 * (begin + x * step), rgba + 4 * x, 4);
}

void Canvas::Note(std::string note) {
  if (std::ranges::find(picture_.notes, note) == picture_.notes.end()) picture_.notes.push_back(std::move(note));
}

}  // namespace decal::cli
