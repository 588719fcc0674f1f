// Pictures between files and RGBA8 memory, through libvips.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "decal/image.h"
#include "decal/result.h"

namespace decal::cli {

enum class PictureFormat { kPng, kWebp, kJpeg };

// Upright, sRGB, straight alpha, dense rows.
struct Picture {
  std::unique_ptr<uint8_t[]> rgba;
  int width = 0;
  int height = 0;

  MutableImageView view() { return {rgba.get(), width, height, size_t{4} * static_cast<size_t>(width)}; }
};

// What of the RGBA is worth storing.
enum class PictureChannels { kGrey, kRgb, kRgba };

// Call once, before the others. `threads` 0 means one per core.
Status InitPictures(const char* program, int threads);

// JPEG, PNG, WebP, TIFF, GIF (first frame), HEIC and AVIF; any depth and colour space; EXIF orientation and ICC
// profile applied. `where` names the picture in errors: kCorruptImage (truncated ones too), kLimitExceeded,
// kOutOfMemory.
Result<Picture> DecodePicture(std::span<const std::byte> file, const std::string& where);

// `quality` 1..100 is for WebP and JPEG. JPEG cannot hold kRgba.
Result<std::vector<std::byte>> EncodePicture(ImageView picture, PictureFormat format, PictureChannels channels,
                                             int quality);

}  // namespace decal::cli
