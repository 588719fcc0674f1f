// Mattes of moving pictures: each steadied by the one before, without a frame of delay.
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

// One stream of frames. A network that sees each frame for itself gives edges that flicker with the camera's noise. Here each cell of the
// matte is a running mean of what the network said of it, beside a running mean of the picture's colours there. Where the colours depart
// from their mean by more than the picture's noise, something moved, and the new frame counts alone, as it does where the network's opinion
// changes by much. A still edge stands still, and a moving one does not trail. It is the recursive filter with motion detection of video noise reduction (Brailean and
// others, "Noise reduction filters for dynamic image sequences: a review", 1995), applied to the matte.
//
// The same frames give the same mattes to the bit, on any number of threads and in WebAssembly. Not thread-safe.
class TemporalMatte {
 public:
  TemporalMatte();
  TemporalMatte(TemporalMatte&&) noexcept;
  TemporalMatte& operator=(TemporalMatte&&) noexcept;
  ~TemporalMatte();

  // The next frame (RGBA8, whose alpha plays no part) and its matte, of any size, as Remover::matte() has it after Segment or
  // FinishMatte. Returns the steadied matte, of the same size, for Composite: valid until the next call. Values are clamped to 0..1, NaN
  // counts as 0. The first frame, and one whose size or whose matte's size differs from the last one's, stands for itself. Errors:
  // kInvalidArgument for an empty picture or matte; kOutOfMemory. After one the next frame stands for itself.
  Result<MatteView> Next(ImageView picture, MatteView matte, ThreadRunner& runner);

  // The next frame stands for itself, as after a cut that the host knows of.
  void Reset();

  // What it holds: ten floats for each cell of the matte, and a row of the picture for each thread.
  size_t memory_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace decal
