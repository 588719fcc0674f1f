// The dispatch from the Op variant to the families' CPU kernels.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ir/op.h"
#include "engine/cpu/kernel.h"

namespace decal {

// Null where the scalar reference is all there is.
KernelResult MakeKernel(const Op& op, const KernelRequest& request);

}  // namespace decal
