// WebGPU kernels of pooling.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/gpu/request.h"
#include "engine/ops/pool/pool.h"

namespace decal {

Status MakeGpuKernel(const Pool&, const GpuRequest&);
Status MakeGpuKernel(const GlobalPool&, const GpuRequest&);

}  // namespace decal
