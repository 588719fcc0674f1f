// Backgrounds that are more than one colour: another picture, or the blurred frame itself.
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

// Composites a cut-out (straight alpha, as from Composite) over the picture `behind`, in place; the result is opaque. `behind` has the
// size of the cut-out, or half of it (rounded up), which is then enlarged. Its alpha is ignored. Errors: kInvalidArgument for empty
// pictures and other sizes, kOutOfMemory.
Status PutBehind(ImageView behind, MutableImageView cutout, ThreadRunner& runner);

// The largest `sigma` of BackgroundBlur, in pixels; the smallest is 1.
inline constexpr float kMostBlur = 100;

// Blurs the background of a stream of frames, or of one picture. Keeps its memory between calls. Not thread-safe.
class BackgroundBlur {
 public:
  BackgroundBlur();
  BackgroundBlur(BackgroundBlur&&) noexcept;
  BackgroundBlur& operator=(BackgroundBlur&&) noexcept;
  ~BackgroundBlur();

  // Returns the blurred background for PutBehind: opaque, at half the picture's size (rounded up), valid until the next call. The blur is
  // close to a Gaussian of `sigma` pixels, in steps of 2. Only background pixels contribute, so the subject leaves no glow; its own area
  // is filled from around it. The picture's alpha is ignored. `matte` may have any size; values are clamped to 0..1, and NaN counts as 0.
  // Call this before Composite overwrites the picture. Errors: kInvalidArgument for an empty picture or matte, and for a sigma outside of
  // 1 to kMostBlur; kOutOfMemory.
  Result<ImageView> Next(ImageView picture, MatteView matte, float sigma, ThreadRunner& runner);

  // Memory in use: about six bytes for each pixel of the picture.
  size_t memory_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace decal
