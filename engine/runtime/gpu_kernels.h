// The dispatch from the Op variant to the families' WebGPU kernels.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ir/op.h"
#include "engine/gpu/request.h"

namespace decal {

// Adds the dispatches of `op`. Errors: kUnsupportedOperator if there is no kernel, kLimitExceeded where the
// device is too small.
Status MakeGpuKernels(const Op& op, const GpuRequest& request);

}  // namespace decal
