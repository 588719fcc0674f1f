// Operators that read or write where indices point, find positions, or sum along labels and axes.
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

InferResult Infer(const GatherElements&, const InferContext&);
Status Reference(const GatherElements&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const GatherElements&);
KernelResult MakeCpuKernel(const GatherElements&, const KernelRequest&);

InferResult Infer(const ScatterElements&, const InferContext&);
Status Reference(const ScatterElements&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const ScatterElements&);
KernelResult MakeCpuKernel(const ScatterElements&, const KernelRequest&);

InferResult Infer(const TopK&, const InferContext&);
Status Reference(const TopK&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const TopK&);
KernelResult MakeCpuKernel(const TopK&, const KernelRequest&);

InferResult Infer(const ArgReduce&, const InferContext&);
Status Reference(const ArgReduce&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const ArgReduce&);
KernelResult MakeCpuKernel(const ArgReduce&, const KernelRequest&);

InferResult Infer(const NonZero&, const InferContext&);
Status Reference(const NonZero&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const NonZero&);
KernelResult MakeCpuKernel(const NonZero&, const KernelRequest&);

InferResult Infer(const CumSum&, const InferContext&);
Status Reference(const CumSum&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const CumSum&);
KernelResult MakeCpuKernel(const CumSum&, const KernelRequest&);

InferResult Infer(const Einsum&, const InferContext&);
Status Reference(const Einsum&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Einsum&);
KernelResult MakeCpuKernel(const Einsum&, const KernelRequest&);

}  // namespace decal
