// Attention over tokens and the windows it works in.
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

InferResult Infer(const Attention&, const InferContext&);
Status Reference(const Attention&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Attention&);
KernelResult MakeCpuKernel(const Attention&, const KernelRequest&);

InferResult Infer(const WindowPartition&, const InferContext&);
Status Reference(const WindowPartition&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const WindowPartition&);
KernelResult MakeCpuKernel(const WindowPartition&, const KernelRequest&);

InferResult Infer(const WindowMerge&, const InferContext&);
Status Reference(const WindowMerge&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const WindowMerge&);
KernelResult MakeCpuKernel(const WindowMerge&, const KernelRequest&);

}  // namespace decal
