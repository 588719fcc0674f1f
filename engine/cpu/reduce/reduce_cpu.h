// The CPU kernel of Reduce.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/cpu/kernel.h"
#include "engine/ops/reduce/reduce.h"

namespace decal {

KernelResult MakeCpuKernel(const Reduce&, const KernelRequest&);

}  // namespace decal
