// Pooling over windows and over whole maps.
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

InferResult Infer(const Pool&, const InferContext&);
Status Reference(const Pool&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Pool&);
KernelResult MakeCpuKernel(const Pool&, const KernelRequest&);

InferResult Infer(const GlobalPool&, const InferContext&);
Status Reference(const GlobalPool&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const GlobalPool&);
KernelResult MakeCpuKernel(const GlobalPool&, const KernelRequest&);

}  // namespace decal
