// Ctrl-C and a polite kill, turned into the engine's cancel flag.
// SPDX-License-Identifier: MIT
#pragma once

#include "decal/session.h"

namespace decal::cli {

// From now on SIGINT and SIGTERM set Cancelled() once; a second one ends the process at once.
void InstallInterrupt();

const CancelFlag& Cancelled();

}  // namespace decal::cli
