// The WebGPU kernel of Resize.
#pragma once

#include "engine/ops/gpu.h"
#include "engine/ops/resize/resize.h"

namespace decal {

Status MakeGpuKernel(const Resize&, const GpuRequest&);

}  // namespace decal
