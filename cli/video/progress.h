// How far a video is: on a terminal a line that is written over, elsewhere nothing.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>

namespace decal::cli {

class VideoProgress {
 public:
  // `frames`: about how many there are, 0 where that is not known.
  VideoProgress(int64_t frames, bool quiet);
  ~VideoProgress() { Clear(); }

  // After `done` frames; prints at most ten times a second.
  void Show(int64_t done);
  // Before anything else is printed.
  void Clear();
  // Since it was made.
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;

  int64_t frames_;
  bool visible_;
  Clock::time_point start_ = Clock::now(), shown_ = start_;
};

}  // namespace decal::cli
