// WebGPU kernels of convolutions.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ops/conv/conv.h"
#include "engine/gpu/request.h"

namespace decal {

Status MakeGpuKernel(const Conv&, const GpuRequest&);
Status MakeGpuKernel(const ConvTranspose&, const GpuRequest&);

}  // namespace decal
