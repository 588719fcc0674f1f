// Pictures between files and RGBA8 memory.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "decal/image.h"
#include "decal/parallel.h"
#include "decal/result.h"

namespace decal::cli {

enum class PictureFormat { kPng, kWebp, kJpeg };

// Pixels per metre.
struct Density {
  double x = 0, y = 0;
};

// What a file says beside its picture, as the blocks that files of any format hold. EXIF begins with its TIFF header.
struct Metadata {
  std::vector<std::byte> exif, xmp, iptc;
};

// Upright, sRGB, straight alpha, dense rows.
struct Picture {
  std::unique_ptr<uint8_t[]> rgba;
  int width = 0;
  int height = 0;
  std::optional<Density> density;  // none where the file has none
  Metadata metadata;               // with DecodeOptions::metadata; orientation reset, no thumbnail
  // With DecodeOptions::own_colours, where sRGB does not hold them: the picture once more in its own RGB space or a wide one, and
  // its profile (pictures/own_profile.h).
  std::unique_ptr<uint8_t[]> own_rgba;
  std::vector<std::byte> profile;
  // What of the file was interpreted or left out, a sentence each: "first of 3 pages taken".
  std::vector<std::string> notes;

  MutableImageView view() { return {rgba.get(), width, height, size_t{4} * static_cast<size_t>(width)}; }
  // What the pixels take.
  size_t bytes() const {
    return size_t{4} * static_cast<size_t>(width) * static_cast<size_t>(height) * (own_rgba ? 2 : 1);
  }
  MutableImageView own_view() { return {own_rgba.get(), width, height, size_t{4} * static_cast<size_t>(width)}; }
};

// What of the RGBA is worth storing.
enum class PictureChannels { kGrey, kRgb, kRgba };

// 2 GiB, or a quarter of this machine's memory if that is less.
size_t DefaultMaxMemory();

struct DecodeOptions {
  // Limit of the decoded picture: its samples as the file holds them and 4 bytes a pixel for ours. 0: DefaultMaxMemory.
  size_t max_bytes = 0;
  int64_t max_pixels = 0;  // 0: 2^28
  int svg_size = 0;  // pixels of an SVG's longer side; 0: its own size
  bool metadata = false;
  bool own_colours = false;
  std::optional<PictureFormat>
      target;  // what it will be written as: a picture too large for that is refused before the work
};

// Call once, before the others. `threads` 0 means one per core.
Status InitPictures(const char* program, int threads);

// Reads no further than a file's first bytes where these say that it is no picture that we read. `path` "-" is standard
// input. Errors: as ReadFile; kCorruptImage, kUnsupported, kLimitExceeded for a file beyond `max_bytes` (0: the default).
Result<std::vector<std::byte>> ReadPictureFile(const std::string& path, size_t max_bytes);

// JPEG, PNG, WebP, TIFF, GIF, HEIC, AVIF, JPEG XL, JPEG 2000, BMP, ICO, PNM, QOI and SVG; any depth and colour space; EXIF orientation
// and colour profile applied; of several pictures in a file the first (or the one it names). `where` names the picture in
// errors: kCorruptImage (truncated ones too), kUnsupported, kLimitExceeded, kOutOfMemory, kInvalidArgument.
Result<Picture> DecodePicture(std::span<const std::byte> file, const std::string& where,
                              const DecodeOptions& options = {});

// The same in a thread of its own: an interrupt (cli/interrupt.h) ends the wait at once with kCancelled, whatever the decoder
// does. The thread then goes on in vain, and the process must end by _exit (DecoderAbandoned).
Result<Picture> DecodeInterruptibly(std::vector<std::byte> file, const std::string& where,
                                    const DecodeOptions& options);

// Whether a decoder was left behind; then no destructor of a global may run.
bool DecoderAbandoned();

struct EncodeOptions {
  PictureFormat format = PictureFormat::kPng;
  PictureChannels channels = PictureChannels::kRgba;
  int quality = 90;  // 1..100, for WebP and JPEG
  std::optional<Density> density;
  const Metadata* metadata = nullptr;
  std::span<const std::byte> profile;  // ICC; empty: none, which means sRGB
  ThreadRunner* runner = nullptr;  // null: on the calling thread
};

// JPEG cannot hold kRgba. Errors: kInternal.
Result<std::vector<std::byte>> EncodePicture(ImageView picture, const EncodeOptions& options);

}  // namespace decal::cli
