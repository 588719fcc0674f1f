// Resampling of spatial dimensions.
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

InferResult Infer(const Resize&, const InferContext&);
Status Reference(const Resize&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Resize&);
KernelResult MakeCpuKernel(const Resize&, const KernelRequest&);

}  // namespace decal
