// Silences libraries that write to standard error.
// SPDX-License-Identifier: MIT
#pragma once

namespace decal::cli {

// From its making to its end the process's standard error leads nowhere: Debian's libjxl prints where in its source it fails. One at a
// time.
class QuietStderr {
 public:
  QuietStderr();
  QuietStderr(const QuietStderr&) = delete;
  QuietStderr& operator=(const QuietStderr&) = delete;
  ~QuietStderr() { End(); }

  // Ends the silence of the one that there is, from any thread.
  static void End();
};

}  // namespace decal::cli
