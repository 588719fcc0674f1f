// What the cut-out module uses of the engine, in whose memory it runs: its heap, its threads and its last error.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include "decal/parallel.h"
#include "decal/result.h"

namespace decal {

// The engine's threads. Tasks are functions of the table that both modules share (see web/src/engine/instance.ts).
ThreadRunner& EngineThreads();

// 0 for success; otherwise the engine keeps the error, and it is 1.
int ReportToEngine(const Status& status);

}  // namespace decal
