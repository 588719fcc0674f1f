// CPU kernels of pooling.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/cpu/kernel.h"
#include "engine/ops/pool/pool.h"

namespace decal {

KernelResult MakeCpuKernel(const Pool&, const KernelRequest&);
KernelResult MakeCpuKernel(const GlobalPool&, const KernelRequest&);

}  // namespace decal
