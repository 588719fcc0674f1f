// WebGPU kernels of the normalisations and of softmax.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/gpu/request.h"
#include "engine/ops/norm/norm.h"

namespace decal {

Status MakeGpuKernel(const BatchNorm&, const GpuRequest&);
Status MakeGpuKernel(const InstanceNorm&, const GpuRequest&);
Status MakeGpuKernel(const LayerNorm&, const GpuRequest&);
Status MakeGpuKernel(const Softmax&, const GpuRequest&);

}  // namespace decal
