// SIGINT and SIGTERM set the engine's cancel flag.
// SPDX-License-Identifier: MIT
#pragma once

#include "decal/session.h"

namespace decal::cli {

// From now on SIGINT and SIGTERM set Cancelled() once; a second one ends the process at once.
void InstallInterrupt();

// What long work on this thread asks: the signals' flag, or that of an InterruptedBy.
const CancelFlag& Cancelled();

// While it is there, this thread's Cancelled() is another flag, which outlives it.
class InterruptedBy {
 public:
  explicit InterruptedBy(const CancelFlag& flag);
  InterruptedBy(const InterruptedBy&) = delete;
  InterruptedBy& operator=(const InterruptedBy&) = delete;
  ~InterruptedBy();
};

}  // namespace decal::cli
