// WebGPU kernels of elementwise operators.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ops/elementwise/elementwise.h"
#include "engine/gpu/request.h"

namespace decal {

Status MakeGpuKernel(const Unary&, const GpuRequest&);
Status MakeGpuKernel(const Binary&, const GpuRequest&);

}  // namespace decal
