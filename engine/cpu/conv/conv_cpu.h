// CPU kernels of convolutions.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/cpu/kernel.h"
#include "engine/ops/conv/conv.h"

namespace decal {

KernelResult MakeCpuKernel(const Conv&, const KernelRequest&);
KernelResult MakeCpuKernel(const ConvTranspose&, const KernelRequest&);

}  // namespace decal
