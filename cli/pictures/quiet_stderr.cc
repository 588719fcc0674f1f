// Redirects the descriptor, and restores it.
// SPDX-License-Identifier: MIT
#include "cli/pictures/quiet_stderr.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

namespace decal::cli {
namespace {

std::atomic<int> set_aside{-1};

}  // namespace

QuietStderr::QuietStderr() {
  std::fflush(stderr);
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return;
  set_aside = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  if (set_aside >= 0) dup2(nowhere, STDERR_FILENO);
  close(nowhere);
}

void QuietStderr::End() {
  const int descriptor = set_aside.exchange(-1);
  if (descriptor < 0) return;
  dup2(descriptor, STDERR_FILENO);
  close(descriptor);
}

}  // namespace decal::cli
