// The WebGPU kernel of GridSample.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/gpu/request.h"
#include "engine/ops/grid_sample/grid_sample.h"

namespace decal {

Status MakeGpuKernel(const GridSample&, const GpuRequest&);

}  // namespace decal
