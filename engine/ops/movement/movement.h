// Operators that move elements without computing: views, concatenation, slices, padding, gathers.
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

InferResult Infer(const View&, const InferContext&);
Status Reference(const View&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const View&);
KernelResult MakeCpuKernel(const View&, const KernelRequest&);

InferResult Infer(const Reshape&, const InferContext&);
Status Reference(const Reshape&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Reshape&);
KernelResult MakeCpuKernel(const Reshape&, const KernelRequest&);

InferResult Infer(const Flatten&, const InferContext&);
Status Reference(const Flatten&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Flatten&);
KernelResult MakeCpuKernel(const Flatten&, const KernelRequest&);

InferResult Infer(const Squeeze&, const InferContext&);
Status Reference(const Squeeze&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Squeeze&);
KernelResult MakeCpuKernel(const Squeeze&, const KernelRequest&);

InferResult Infer(const Unsqueeze&, const InferContext&);
Status Reference(const Unsqueeze&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Unsqueeze&);
KernelResult MakeCpuKernel(const Unsqueeze&, const KernelRequest&);

InferResult Infer(const Transpose&, const InferContext&);
Status Reference(const Transpose&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Transpose&);
KernelResult MakeCpuKernel(const Transpose&, const KernelRequest&);

InferResult Infer(const Concat&, const InferContext&);
Status Reference(const Concat&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Concat&);
KernelResult MakeCpuKernel(const Concat&, const KernelRequest&);

InferResult Infer(const Split&, const InferContext&);
Status Reference(const Split&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Split&);
KernelResult MakeCpuKernel(const Split&, const KernelRequest&);

InferResult Infer(const Slice&, const InferContext&);
Status Reference(const Slice&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Slice&);
KernelResult MakeCpuKernel(const Slice&, const KernelRequest&);

InferResult Infer(const Expand&, const InferContext&);
Status Reference(const Expand&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Expand&);
KernelResult MakeCpuKernel(const Expand&, const KernelRequest&);

InferResult Infer(const Tile&, const InferContext&);
Status Reference(const Tile&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Tile&);
KernelResult MakeCpuKernel(const Tile&, const KernelRequest&);

InferResult Infer(const Pad&, const InferContext&);
Status Reference(const Pad&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Pad&);
KernelResult MakeCpuKernel(const Pad&, const KernelRequest&);

InferResult Infer(const Gather&, const InferContext&);
Status Reference(const Gather&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Gather&);
KernelResult MakeCpuKernel(const Gather&, const KernelRequest&);

InferResult Infer(const Strided&, const InferContext&);
Status Reference(const Strided&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Strided&);
KernelResult MakeCpuKernel(const Strided&, const KernelRequest&);

InferResult Infer(const Relayout&, const InferContext&);
Status Reference(const Relayout&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const Relayout&);
KernelResult MakeCpuKernel(const Relayout&, const KernelRequest&);

InferResult Infer(const DepthToSpace&, const InferContext&);
Status Reference(const DepthToSpace&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const DepthToSpace&);
KernelResult MakeCpuKernel(const DepthToSpace&, const KernelRequest&);

InferResult Infer(const SpaceToDepth&, const InferContext&);
Status Reference(const SpaceToDepth&, std::span<const TensorView> in, std::span<const MutableTensorView> out);
LayoutNeed LayoutOf(const SpaceToDepth&);
KernelResult MakeCpuKernel(const SpaceToDepth&, const KernelRequest&);

}  // namespace decal
