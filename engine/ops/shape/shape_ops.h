// Operators whose result depends on shapes only.
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

InferResult Infer(const ShapeOf&, const InferContext&);
Status Reference(const ShapeOf&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const ShapeOf&);
KernelResult MakeCpuKernel(const ShapeOf&, const KernelRequest&);

InferResult Infer(const ConstantOfShape&, const InferContext&);
Status Reference(const ConstantOfShape&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const ConstantOfShape&);
KernelResult MakeCpuKernel(const ConstantOfShape&, const KernelRequest&);

InferResult Infer(const Range&, const InferContext&);
Status Reference(const Range&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Range&);
KernelResult MakeCpuKernel(const Range&, const KernelRequest&);

}  // namespace decal
