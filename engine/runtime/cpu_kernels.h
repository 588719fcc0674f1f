// The dispatch from the Op variant to the families' CPU kernels.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ir/op.h"
#include "engine/cpu/kernel.h"

namespace decal {

// Null if there is only the scalar reference.
KernelResult MakeKernel(const Op& op, const KernelRequest& request);

}  // namespace decal
