// What lies behind a cut-out where it is more than one colour: a picture, or the frame itself out of focus.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>

#include "decal/image.h"
#include "decal/parallel.h"
#include "decal/result.h"

namespace decal {

// Puts an opaque picture behind a cut-out (straight alpha, as Composite makes it), which becomes opaque: `behind` has its size, or
// half of it, rounded up, and is then enlarged. Its own alpha plays no part. Errors: kInvalidArgument for empty pictures and other
// sizes, kOutOfMemory.
Status PutBehind(ImageView behind, MutableImageView cutout, ThreadRunner& runner);

// The largest blur that BackgroundBlur makes, in pixels; the least is 1.
inline constexpr float kMostBlur = 100;

// One stream of frames, or one picture: keeps its memory from call to call. Not thread-safe.
class BackgroundBlur {
 public:
  BackgroundBlur();
  BackgroundBlur(BackgroundBlur&&) noexcept;
  BackgroundBlur& operator=(BackgroundBlur&&) noexcept;
  ~BackgroundBlur();

  // The picture (RGBA8, whose alpha plays no part) without its subject, out of focus by about a Gaussian of `sigma` pixels, in steps of 2: at
  // half its size, rounded up, opaque, for PutBehind. The subject leaves no glow, as only what is not it counts; behind it lies what
  // is around it. `matte` is of any size; values are clamped to 0..1, and NaN counts as 0. Valid until the next call. Call it before Composite
  // writes over the picture. Errors: kInvalidArgument for an empty picture or matte and a sigma that is not within 1 and kMostBlur;
  // kOutOfMemory.
  Result<ImageView> Next(ImageView picture, MatteView matte, float sigma, ThreadRunner& runner);

  // What it holds: about six bytes for each pixel of the picture.
  size_t memory_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace decal
