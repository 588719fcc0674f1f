// Operators that treat every element alike: unary, binary with broadcasting, Where, Cast.
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

InferResult Infer(const Unary&, const InferContext&);
Status Reference(const Unary&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Unary&);
KernelResult MakeCpuKernel(const Unary&, const KernelRequest&);

InferResult Infer(const Binary&, const InferContext&);
Status Reference(const Binary&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Binary&);
KernelResult MakeCpuKernel(const Binary&, const KernelRequest&);

InferResult Infer(const Where&, const InferContext&);
Status Reference(const Where&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Where&);
KernelResult MakeCpuKernel(const Where&, const KernelRequest&);

InferResult Infer(const Cast&, const InferContext&);
Status Reference(const Cast&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Cast&);
KernelResult MakeCpuKernel(const Cast&, const KernelRequest&);

}  // namespace decal
