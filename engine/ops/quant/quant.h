// Quantisation: to and from codes, dynamic ranges, products of codes.
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

InferResult Infer(const Quantize&, const InferContext&);
Status Reference(const Quantize&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Quantize&);
KernelResult MakeCpuKernel(const Quantize&, const KernelRequest&);

InferResult Infer(const Dequantize&, const InferContext&);
Status Reference(const Dequantize&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Dequantize&);
KernelResult MakeCpuKernel(const Dequantize&, const KernelRequest&);

InferResult Infer(const RoundToGrid&, const InferContext&);
Status Reference(const RoundToGrid&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const RoundToGrid&);
KernelResult MakeCpuKernel(const RoundToGrid&, const KernelRequest&);

InferResult Infer(const DynamicQuantize&, const InferContext&);
Status Reference(const DynamicQuantize&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const DynamicQuantize&);
KernelResult MakeCpuKernel(const DynamicQuantize&, const KernelRequest&);

InferResult Infer(const MatMulInteger&, const InferContext&);
Status Reference(const MatMulInteger&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const MatMulInteger&);
KernelResult MakeCpuKernel(const MatMulInteger&, const KernelRequest&);

InferResult Infer(const ConvInteger&, const InferContext&);
Status Reference(const ConvInteger&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const ConvInteger&);
KernelResult MakeCpuKernel(const ConvInteger&, const KernelRequest&);

}  // namespace decal
