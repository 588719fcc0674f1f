// CPU kernels of quantisation.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/cpu/kernel.h"
#include "engine/ops/quant/quant.h"

namespace decal {

KernelResult MakeCpuKernel(const Quantize&, const KernelRequest&);
KernelResult MakeCpuKernel(const Dequantize&, const KernelRequest&);
KernelResult MakeCpuKernel(const RoundToGrid&, const KernelRequest&);

}  // namespace decal
