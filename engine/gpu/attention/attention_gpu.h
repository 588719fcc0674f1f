// WebGPU kernels of attention and of the windows it works in.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ops/attention/attention.h"
#include "engine/gpu/request.h"

namespace decal {

Status MakeGpuKernel(const Attention&, const GpuRequest&);
Status MakeGpuKernel(const WindowPartition&, const GpuRequest&);
Status MakeGpuKernel(const WindowMerge&, const GpuRequest&);

}  // namespace decal
