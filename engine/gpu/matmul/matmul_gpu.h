// WebGPU kernels of matrix products.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/gpu/request.h"
#include "engine/ops/matmul/matmul.h"

namespace decal {

Status MakeGpuKernel(const MatMul&, const GpuRequest&);
Status MakeGpuKernel(const Gemm&, const GpuRequest&);

}  // namespace decal
