// Deformable convolution (Zhu et al., "Deformable ConvNets v2", 2018).
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

InferResult Infer(const DeformConv&, const InferContext&);
Status Reference(const DeformConv&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const DeformConv&);
KernelResult MakeCpuKernel(const DeformConv&, const KernelRequest&);

// Its inputs in their order.
enum DeformConvInput : size_t { kDeformX, kDeformWeight, kDeformOffset, kDeformBias, kDeformMask, kDeformInputs };

}  // namespace decal
