// decal inspect --gpu: the plan for WebGPU, printed or saved.
// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options.h"
#include "decal/session.h"

namespace decal::cli {

// Returns the exit status.
int InspectGpu(const InspectOptions& options, const Session& session);

}  // namespace decal::cli
