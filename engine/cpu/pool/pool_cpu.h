// CPU kernels of pooling.
#pragma once

#include "engine/cpu/kernel.h"
#include "engine/ops/pool/pool.h"

namespace decal {

KernelResult MakeCpuKernel(const Pool&, const KernelRequest&);
KernelResult MakeCpuKernel(const GlobalPool&, const KernelRequest&);

}  // namespace decal
