// CPU kernels of elementwise operators.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/cpu/kernel.h"
#include "engine/ops/elementwise/elementwise.h"

namespace decal {

KernelResult MakeCpuKernel(const Unary&, const KernelRequest&);
KernelResult MakeCpuKernel(const Binary&, const KernelRequest&);

}  // namespace decal
