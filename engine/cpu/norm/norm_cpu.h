// CPU kernels of the normalisations and of softmax.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/cpu/kernel.h"
#include "engine/ops/norm/norm.h"

namespace decal {

KernelResult MakeCpuKernel(const BatchNorm&, const KernelRequest&);
KernelResult MakeCpuKernel(const InstanceNorm&, const KernelRequest&);
KernelResult MakeCpuKernel(const LayerNorm&, const KernelRequest&);
KernelResult MakeCpuKernel(const Softmax&, const KernelRequest&);

}  // namespace decal
