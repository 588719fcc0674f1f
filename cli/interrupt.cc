// Signal handlers that only store to a lock-free flag.
// SPDX-License-Identifier: MIT
#include "cli/interrupt.h"

#include <csignal>

namespace decal::cli {
namespace {

CancelFlag cancelled{false};
static_assert(CancelFlag::is_always_lock_free, "a signal handler may only touch lock-free atomics");

thread_local const CancelFlag* of_thread = nullptr;

}  // namespace

void InstallInterrupt() {
  struct sigaction action = {};
  action.sa_handler = [](int) { cancelled.store(true); };
  action.sa_flags = SA_RESETHAND;  // and no SA_RESTART: a read of standard input has to notice
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

const CancelFlag& Cancelled() { return of_thread != nullptr ? *of_thread : cancelled; }

InterruptedBy::InterruptedBy(const CancelFlag& flag) { of_thread = &flag; }
InterruptedBy::~InterruptedBy() { of_thread = nullptr; }

}  // namespace decal::cli
