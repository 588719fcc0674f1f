// From a specialised graph to a plan for WebGPU.
// SPDX-License-Identifier: MIT
#pragma once

#include "decal/gpu.h"
#include "engine/ir/graph.h"

namespace decal {

// `graph` has passed all passes. Errors: kUnsupportedOperator where an operator has no WebGPU kernel, naming all of them;
// kLimitExceeded where a tensor does not fit the device; kInternal where a weight has given up its memory.
Result<GpuPlan> CompileForGpu(const Graph& graph, const GpuLimits& limits, const GpuOptions& options);

}  // namespace decal
