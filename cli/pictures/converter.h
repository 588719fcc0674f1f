// Converts a decoder's rows of samples to RGBA8 with straight alpha, in sRGB or another RGB space.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/pictures/colour.h"

namespace decal::cli {

enum class SampleType { kU8, kU16, kF32 };

// Integers use their whole range. Floats: grey, RGB and CMYK 0..1 (inks: 1 is full), Lab in its own units (L 0..100).
// kInks are any that only a profile explains, and as many.
enum class ColourModel { kGrey, kRgb, kCmyk, kLab, kInks };

// How a row's samples lie: colour channels, then alpha if there is one, pixel after pixel.
struct SampleLayout {
  SampleType type = SampleType::kU8;
  ColourModel model = ColourModel::kRgb;
  bool alpha = false;
  int inks = 0;  // of kInks: how many, 1 to 15
  bool premultiplied = false;  // colours were multiplied by alpha as they are stored, before any transfer function
  Colour colour;               // of kLab only the white of `primaries` counts

  int colour_channels() const {
    return model == ColourModel::kGrey ? 1 : model == ColourModel::kCmyk ? 4 : model == ColourModel::kInks ? inks : 3;
  }
  int channels() const { return colour_channels() + (alpha ? 1 : 0); }
  size_t sample_bytes() const { return type == SampleType::kU8 ? 1 : type == SampleType::kU16 ? 2 : 4; }
  size_t pixel_bytes() const { return sample_bytes() * static_cast<size_t>(channels()); }
};

// Converts `count` pixels from `samples` (aligned for their type) to `rgba`.
using RowConverter = std::function<void(const void* samples, uint8_t* rgba, size_t count)>;

// What had to be interpreted is said in `notes`: a profile that does not fit, inks without one, light beyond white. `to`: the
// primaries of the RGB, whose transfer function is sRGB's. Layouts of kInks have a profile that MakeProfileFunction takes.
RowConverter MakeConverter(const SampleLayout& layout, std::vector<std::string>& notes,
                           const Primaries& to = kSrgbPrimaries);

}  // namespace decal::cli
