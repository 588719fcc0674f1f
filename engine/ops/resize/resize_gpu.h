// The WebGPU kernel of Resize.
#pragma once

#include "engine/ops/gpu.h"

namespace decal {

Status MakeGpuKernel(const Resize&, const GpuRequest&);

}  // namespace decal
