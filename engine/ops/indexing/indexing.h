// Operators that read or write where a tensor of indices points.
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

InferResult Infer(const GatherNd&, const InferContext&);
Status Reference(const GatherNd&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const GatherNd&);
KernelResult MakeCpuKernel(const GatherNd&, const KernelRequest&);

InferResult Infer(const ScatterNd&, const InferContext&);
Status Reference(const ScatterNd&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const ScatterNd&);
KernelResult MakeCpuKernel(const ScatterNd&, const KernelRequest&);

}  // namespace decal
