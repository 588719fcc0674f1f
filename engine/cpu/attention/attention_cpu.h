// CPU kernels of attention and of cutting maps into windows.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/cpu/kernel.h"
#include "engine/ops/attention/attention.h"

namespace decal {

KernelResult MakeCpuKernel(const Attention&, const KernelRequest&);
KernelResult MakeCpuKernel(const WindowPartition&, const KernelRequest&);
KernelResult MakeCpuKernel(const WindowMerge&, const KernelRequest&);

}  // namespace decal
