// The WebGPU kernel of Reduce.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/gpu/request.h"
#include "engine/ops/reduce/reduce.h"

namespace decal {

Status MakeGpuKernel(const Reduce&, const GpuRequest&);

}  // namespace decal
