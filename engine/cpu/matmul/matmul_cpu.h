// CPU kernels of matrix products.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/cpu/kernel.h"
#include "engine/ops/matmul/matmul.h"

namespace decal {

KernelResult MakeCpuKernel(const MatMul&, const KernelRequest&);
KernelResult MakeCpuKernel(const Gemm&, const KernelRequest&);

}  // namespace decal
