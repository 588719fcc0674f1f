// Where decoders put their rows: limits, conversion to sRGB and orientation, once for all formats.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/picture_io.h"
#include "cli/pictures/converter.h"

namespace decal::cli {

// How the decoded rows lie on the canvas: EXIF's numbers 1..8.
bool SwapsSides(int orientation);

class Canvas {
 public:
  // Both must outlive the canvas.
  Canvas(const DecodeOptions& options, const std::string& where) : options_(options), where_(where) {}

  // Whether a picture of that size may be decoded. `sample_bytes`: of a pixel, as the decoder gives it. Decoders ask before they
  // allocate anything of the picture's size. Errors: kCorruptImage for sizes that no picture has, kLimitExceeded,
  // kInvalidArgument where the output's format cannot hold it.
  Status CheckSize(int64_t width, int64_t height, size_t sample_bytes) const;

  // Once, before the rows: sizes as stored, before `orientation`. Errors: of CheckSize, kOutOfMemory.
  Status Begin(int64_t width, int64_t height, const SampleLayout& layout, int orientation = 1);

  // Row `y` of the stored picture, in any order; one thread at a time.
  void Put(int y, const void* samples);

  void Note(std::string note);
  std::vector<std::string>& notes() { return picture_.notes; }
  Picture& picture() { return picture_; }
  const DecodeOptions& options() const { return options_; }
  const std::string& where() const { return where_; }
  std::unexpected<Error> Fail(ErrorCode code, std::string message) const {
    return decal::Fail(code, std::move(message), where_);
  }

 private:
  void PutRgba(uint8_t* picture, int y, const uint8_t* rgba) const;

  const DecodeOptions& options_;
  const std::string& where_;
  Picture picture_;
  int width_ = 0, height_ = 0, orientation_ = 1;  // as stored
  RowConverter convert_, convert_own_;
  std::vector<uint8_t> row_;
};

}  // namespace decal::cli
