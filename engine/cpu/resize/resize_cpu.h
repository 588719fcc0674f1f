// The CPU kernel of Resize.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/cpu/kernel.h"
#include "engine/ops/resize/resize.h"

namespace decal {

KernelResult MakeCpuKernel(const Resize&, const KernelRequest&);

}  // namespace decal
