// Convolution and transposed convolution.
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

InferResult Infer(const Conv&, const InferContext&);
Status Reference(const Conv&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Conv&);
KernelResult MakeCpuKernel(const Conv&, const KernelRequest&);

InferResult Infer(const ConvTranspose&, const InferContext&);
Status Reference(const ConvTranspose&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const ConvTranspose&);
KernelResult MakeCpuKernel(const ConvTranspose&, const KernelRequest&);

}  // namespace decal
