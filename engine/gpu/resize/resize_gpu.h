// The WebGPU kernel of Resize.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/gpu/request.h"
#include "engine/ops/resize/resize.h"

namespace decal {

Status MakeGpuKernel(const Resize&, const GpuRequest&);

}  // namespace decal
