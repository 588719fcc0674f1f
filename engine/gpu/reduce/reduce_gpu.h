// The WebGPU kernel of Reduce.
#pragma once

#include "engine/gpu/request.h"
#include "engine/ops/reduce/reduce.h"

namespace decal {

Status MakeGpuKernel(const Reduce&, const GpuRequest&);

}  // namespace decal
