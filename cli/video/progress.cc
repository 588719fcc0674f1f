// Frames a second and the time that is left.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/video/progress.h"

#include <unistd.h>

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "cli/batch/progress.h"
#include "cli/report.h"

namespace decal::cli {

VideoProgress::VideoProgress(int64_t frames, bool quiet)
    : frames_(frames), visible_(!quiet && isatty(STDERR_FILENO) != 0) {}

double VideoProgress::seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

void VideoProgress::Show(int64_t done) {
  const auto now = Clock::now();
  if (!visible_ || now - shown_ < std::chrono::milliseconds(100)) return;
  shown_ = now;
  const double rate = static_cast<double>(done) / std::max(seconds(), 1e-3);
  std::string line = fmt::format("frame {}", done);
  if (frames_ >= done) line += fmt::format(" of {}", frames_);
  line += fmt::format(", {:.1f} a second", rate);
  // What a header promises is not always what comes.
  if (frames_ >= done) line += fmt::format(", {} left", TimeText(static_cast<double>(frames_ - done) / rate));
  fmt::print(Console(), "\r\033[K{}", line.substr(0, TerminalColumns() - 1));
}

void VideoProgress::Clear() {
  if (visible_) fmt::print(Console(), "\r\033[K");
}

}  // namespace decal::cli
