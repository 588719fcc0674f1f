// Reductions over axes.
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

InferResult Infer(const Reduce&, const InferContext&);
Status Reference(const Reduce&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Reduce&);
KernelResult MakeCpuKernel(const Reduce&, const KernelRequest&);

}  // namespace decal
