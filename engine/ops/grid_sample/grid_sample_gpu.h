// The WebGPU kernel of GridSample.
#pragma once

#include "engine/ops/gpu.h"

namespace decal {

Status MakeGpuKernel(const GridSample&, const GpuRequest&);

}  // namespace decal
