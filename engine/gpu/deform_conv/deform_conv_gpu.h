// WebGPU kernel of deformable convolutions.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ops/deform_conv/deform_conv.h"
#include "engine/gpu/request.h"

namespace decal {

Status MakeGpuKernel(const DeformConv&, const GpuRequest&);

}  // namespace decal
