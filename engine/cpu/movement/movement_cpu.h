// CPU kernels of data movement.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/cpu/kernel.h"
#include "engine/ops/movement/movement.h"

namespace decal {

KernelResult MakeCpuKernel(const View&, const KernelRequest&);
KernelResult MakeCpuKernel(const Reshape&, const KernelRequest&);
KernelResult MakeCpuKernel(const Flatten&, const KernelRequest&);
KernelResult MakeCpuKernel(const Squeeze&, const KernelRequest&);
KernelResult MakeCpuKernel(const Unsqueeze&, const KernelRequest&);
KernelResult MakeCpuKernel(const Transpose&, const KernelRequest&);
KernelResult MakeCpuKernel(const Concat&, const KernelRequest&);
KernelResult MakeCpuKernel(const Split&, const KernelRequest&);
KernelResult MakeCpuKernel(const Slice&, const KernelRequest&);
KernelResult MakeCpuKernel(const Expand&, const KernelRequest&);
KernelResult MakeCpuKernel(const Tile&, const KernelRequest&);
KernelResult MakeCpuKernel(const Pad&, const KernelRequest&);
KernelResult MakeCpuKernel(const Gather&, const KernelRequest&);
KernelResult MakeCpuKernel(const DepthToSpace&, const KernelRequest&);
KernelResult MakeCpuKernel(const SpaceToDepth&, const KernelRequest&);
KernelResult MakeCpuKernel(const Strided&, const KernelRequest&);
KernelResult MakeCpuKernel(const Relayout&, const KernelRequest&);

}  // namespace decal
