// Sampling at positions that a tensor gives (Jaderberg 2015, spatial transformers).
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

InferResult Infer(const GridSample&, const InferContext&);
Status Reference(const GridSample&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const GridSample&);
KernelResult MakeCpuKernel(const GridSample&, const KernelRequest&);

}  // namespace decal
