// Normalisations and softmax.
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

InferResult Infer(const BatchNorm&, const InferContext&);
Status Reference(const BatchNorm&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const BatchNorm&);
KernelResult MakeCpuKernel(const BatchNorm&, const KernelRequest&);

InferResult Infer(const InstanceNorm&, const InferContext&);
Status Reference(const InstanceNorm&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const InstanceNorm&);
KernelResult MakeCpuKernel(const InstanceNorm&, const KernelRequest&);

InferResult Infer(const LayerNorm&, const InferContext&);
Status Reference(const LayerNorm&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const LayerNorm&);
KernelResult MakeCpuKernel(const LayerNorm&, const KernelRequest&);

InferResult Infer(const Softmax&, const InferContext&);
Status Reference(const Softmax&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Softmax&);
KernelResult MakeCpuKernel(const Softmax&, const KernelRequest&);

}  // namespace decal
