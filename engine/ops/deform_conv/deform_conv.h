// Deformable convolution.
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

InferResult Infer(const DeformConv&, const InferContext&);
Status Reference(const DeformConv&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const DeformConv&);
KernelResult MakeCpuKernel(const DeformConv&, const KernelRequest&);

// Positions of its inputs.
inline constexpr size_t kDeformOffset = 2, kDeformBias = 3, kDeformMask = 4, kDeformInputs = 5;

}  // namespace decal
