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

// Metadata of a file, as the blocks that files of all formats contain. EXIF begins with its TIFF header.
struct Metadata {
  std::vector<std::byte> exif, xmp, iptc;
};

// Rows are upright, sRGB, straight alpha and dense.
struct Picture {
  std::unique_ptr<uint8_t[]> rgba;
  int width = 0;
  int height = 0;
  std::optional<Density> density;  // empty if the file has none
  Metadata metadata;               // with DecodeOptions::metadata; orientation reset, no thumbnail
  // With DecodeOptions::own_colours, if sRGB does not contain them: the picture in its own RGB space or a wide one,
  // with that space's profile (pictures/own_profile.h).
  std::unique_ptr<uint8_t[]> own_rgba;
  std::vector<std::byte> profile;
  // How the file was interpreted, and what was left out, one sentence each: "first of 3 pages used".
  std::vector<std::string> notes;

  MutableImageView view() { return {rgba.get(), width, height, size_t{4} * static_cast<size_t>(width)}; }
  // Memory of the pixels.
  size_t bytes() const {
    return size_t{4} * static_cast<size_t>(width) * static_cast<size_t>(height) * (own_rgba ? 2 : 1);
  }
  MutableImageView own_view() { return {own_rgba.get(), width, height, size_t{4} * static_cast<size_t>(width)}; }
};

// The channels of the RGBA that need to be stored.
enum class PictureChannels { kGrey, kRgb, kRgba };

// 2 GiB, or a quarter of this machine's memory if that is less.
size_t DefaultMaxMemory();

struct DecodeOptions {
  // Limit for the decoded picture: its samples as the file stores them, and our 4 bytes per pixel. 0: DefaultMaxMemory.
  size_t max_bytes = 0;
  int64_t max_pixels = 0;  // 0: 2^28
  int svg_size = 0;  // pixels of an SVG's longer side; 0: the SVG's own size
  bool metadata = false;
  bool own_colours = false;
  std::optional<PictureFormat> target;  // the output format: a picture too large for it is refused before decoding
};

// Call once, before the others. `threads` 0 means one per core.
Status InitPictures(const char* program, int threads);

// Stops after a file's first bytes if these show that it is not a picture that we read. `path` "-" is standard input.
// Errors: as ReadFile; kCorruptImage, kUnsupported, kLimitExceeded for a file beyond `max_bytes` (0: the default).
Result<std::vector<std::byte>> ReadPictureFile(const std::string& path, size_t max_bytes);

// JPEG, PNG, WebP, TIFF, GIF, HEIC, AVIF, JPEG XL, JPEG 2000, BMP, ICO, PNM, QOI and SVG, of any depth and colour
// space. EXIF orientation and colour profile are applied. If a file has several pictures, the first is taken, or the
// one that the file names as its main one. `where` names the picture in errors: kCorruptImage (also for truncated
// files), kUnsupported, kLimitExceeded, kOutOfMemory, kInvalidArgument.
Result<Picture> DecodePicture(std::span<const std::byte> file, const std::string& where,
                              const DecodeOptions& options = {});

// The same in a separate thread: an interrupt (cli/interrupt.h) ends the wait at once with kCancelled, whatever the
// decoder does. The thread then continues in vain, and the process must end by _exit (DecoderAbandoned).
Result<Picture> DecodeInterruptibly(std::vector<std::byte> file, const std::string& where,
                                    const DecodeOptions& options);

// Whether a decoder thread was abandoned. If so, destructors of globals must not run.
bool DecoderAbandoned();

struct EncodeOptions {
  PictureFormat format = PictureFormat::kPng;
  PictureChannels channels = PictureChannels::kRgba;
  int quality = 90;  // 1..100, for WebP and JPEG
  std::optional<Density> density;
  const Metadata* metadata = nullptr;
  std::span<const std::byte> profile;  // ICC; empty: no profile, which means sRGB
  ThreadRunner* runner = nullptr;  // null: encode on the calling thread
};

// Whether the format can hold so many pixels a side. Errors: kInvalidArgument.
Status CheckSides(int64_t width, int64_t height, PictureFormat format);

// JPEG cannot hold kRgba. Errors: kInvalidArgument for a side that is too long; kInternal.
Result<std::vector<std::byte>> EncodePicture(ImageView picture, const EncodeOptions& options);

}  // namespace decal::cli
