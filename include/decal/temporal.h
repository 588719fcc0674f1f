// Steadies the mattes of a video, without a delay.
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

// One stream of frames. If a network processes each frame on its own, edges flicker with the camera's noise. This class keeps a running
// mean of the matte in each cell, and of the picture's colours there. If the colours differ from their mean by more than the picture's
// noise, something moved, and the cell takes the new matte at once. It does the same if the network's answer changes by much. So still
// edges do not flicker, and moving ones leave no trail. This is a recursive filter with motion detection, as in video noise reduction
// (Brailean and others, "Noise reduction filters for dynamic image sequences: a review", 1995), applied to the matte.
//
// The same frames give the same mattes to the bit, with any number of threads and in WebAssembly. Not thread-safe.
class TemporalMatte {
 public:
  TemporalMatte();
  TemporalMatte(TemporalMatte&&) noexcept;
  TemporalMatte& operator=(TemporalMatte&&) noexcept;
  ~TemporalMatte();

  // Takes the next frame (its alpha is ignored) and its matte, of any size: Remover::matte() after Segment or FinishMatte. Returns the
  // steadied matte, of the same size, for Composite; it is valid until the next call. Values are clamped to 0..1, NaN counts as 0. The
  // first matte is returned as it is, and so is the first one of another size or after an error. Errors: kInvalidArgument for an empty
  // picture or matte; kOutOfMemory.
  Result<MatteView> Next(ImageView picture, MatteView matte, ThreadRunner& runner);

  // Forgets the frames so far, for example after a cut.
  void Reset();

  // Memory in use: ten floats for each cell of the matte, and a row of the picture for each thread.
  size_t memory_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace decal
