// WebGPU kernels of data movement.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/gpu/request.h"
#include "engine/ops/movement/movement.h"

namespace decal {

Status MakeGpuKernel(const View&, const GpuRequest&);
Status MakeGpuKernel(const Transpose&, const GpuRequest&);
Status MakeGpuKernel(const Concat&, const GpuRequest&);
Status MakeGpuKernel(const Split&, const GpuRequest&);
Status MakeGpuKernel(const Slice&, const GpuRequest&);
Status MakeGpuKernel(const Expand&, const GpuRequest&);
Status MakeGpuKernel(const Strided&, const GpuRequest&);
Status MakeGpuKernel(const Relayout&, const GpuRequest&);
Status MakeGpuKernel(const DepthToSpace&, const GpuRequest&);
Status MakeGpuKernel(const SpaceToDepth&, const GpuRequest&);
Status MakeGpuKernel(const Tile&, const GpuRequest&);
Status MakeGpuKernel(const Pad&, const GpuRequest&);
Status MakeGpuKernel(const Gather&, const GpuRequest&);

}  // namespace decal
