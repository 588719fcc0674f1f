// Matrix products.
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

InferResult Infer(const MatMul&, const InferContext&);
Status Reference(const MatMul&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const MatMul&);
KernelResult MakeCpuKernel(const MatMul&, const KernelRequest&);

InferResult Infer(const Gemm&, const InferContext&);
Status Reference(const Gemm&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Gemm&);
KernelResult MakeCpuKernel(const Gemm&, const KernelRequest&);

}  // namespace decal
