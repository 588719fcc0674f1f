// WebGPU kernels of data movement: every operator here becomes strided copies of two bindings each.
// SPDX-License-Identifier: MIT
#include "engine/gpu/movement/movement_gpu.h"

#include "engine/ops/movement/movement.h"
#include "engine/ops/movement/slice_spec.h"
#include "engine/ops/movement/strided_map.h"
#include "engine/gpu/templates/nest.h"

namespace decal {
namespace {

bool SamePlace(const gpu::Tensor& a, const gpu::Tensor& b) {
  return a.region.id == b.region.id && a.region.weight == b.region.weight && a.offset == b.offset &&
         a.strides == b.strides;
}

Status CopyUnlessInPlace(const GpuRequest& request, const gpu::Tensor& from, const gpu::Tensor& to) {
  // The planner let the producer write in place: nothing is left to move.
  if (SamePlace(from, to)) return {};
  request.builder.Algorithm("strided copy");
  return AddStridedCopy(request.builder, from, to);
}

// Windows of `whole` along an axis, one behind the other, and the tensors they are copied to or from.
Status CopyWindows(const GpuRequest& request, std::span<const gpu::Tensor> parts, const gpu::Tensor& whole,
                   int64_t raw_axis, bool concat) {
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(raw_axis, whole.shape.rank()));
  int64_t start = 0;
  for (const gpu::Tensor& part : parts) {
    gpu::Tensor window = whole;
    window.shape = part.shape;
    window.offset += start * whole.strides[axis];
    start += part.shape[axis];
    DECAL_TRY(concat ? CopyUnlessInPlace(request, part, window) : CopyUnlessInPlace(request, window, part));
  }
  return {};
}

}  // namespace

Status MakeGpuKernel(const View&, const GpuRequest& request) {
  gpu::Tensor from = request.At(0), to = request.out();
  // With a dense source (or target) the other side's shape describes both.
  if (from.strides == DenseStrides(from.shape, Layout::kRowMajor)) {
    from.shape = to.shape;
    from.strides = DenseStrides(to.shape, Layout::kRowMajor);
  } else if (to.strides == DenseStrides(to.shape, Layout::kRowMajor)) {
    to.shape = from.shape;
    to.strides = DenseStrides(from.shape, Layout::kRowMajor);
  } else {
    return Fail(ErrorCode::kUnsupportedOperator, "no WebGPU kernel for a reshape between strided tensors");
  }
  return CopyUnlessInPlace(request, from, to);
}

Status MakeGpuKernel(const Transpose& op, const GpuRequest& request) {
  const gpu::Tensor x = request.At(0);
  gpu::Tensor permuted = x;
  for (size_t i = 0; i < x.shape.rank(); ++i) {
    const size_t from = op.perm.empty() ? x.shape.rank() - 1 - i : static_cast<size_t>(op.perm[i]);
    permuted.shape[i] = x.shape[from];
    permuted.strides[i] = x.strides[from];
  }
  return CopyUnlessInPlace(request, permuted, request.out());
}

Status MakeGpuKernel(const Concat& op, const GpuRequest& request) {
  std::vector<gpu::Tensor> parts;
  for (size_t i = 0; i < request.inputs.size(); ++i) parts.push_back(request.At(i));
  return CopyWindows(request, parts, request.out(), op.axis, true);
}

Status MakeGpuKernel(const Split& op, const GpuRequest& request) {
  std::vector<gpu::Tensor> parts;
  for (const GpuOperand& output : request.outputs) parts.push_back(output.tensor);
  return CopyWindows(request, parts, request.At(0), op.axis, false);
}

Status MakeGpuKernel(const Slice&, const GpuRequest& request) {
  TensorView parameters[4];
  for (size_t i = 1; i < 5; ++i) {
    if (!request.has(i)) continue;
    if (!request.is_constant(i))
      return Fail(ErrorCode::kUnsupportedOperator, "no WebGPU kernel for slices whose bounds are computed");
    parameters[i - 1] = request.inputs[i].constant->view();
  }
  gpu::Tensor x = request.At(0);
  DECAL_TRY_ASSIGN(const SliceSpec spec, ResolveSlice(x.shape, parameters));
  for (size_t d = 0; d < x.shape.rank(); ++d) {
    x.offset += spec.start[d] * x.strides[d];
    x.strides[d] *= spec.step[d];
  }
  x.shape = spec.shape;
  return CopyUnlessInPlace(request, x, request.out());
}

Status MakeGpuKernel(const Expand&, const GpuRequest& request) {
  return CopyUnlessInPlace(request, Broadcast(request.At(0), request.out().shape), request.out());
}

Status MakeGpuKernel(const Strided& op, const GpuRequest& request) {
  gpu::Tensor from = request.At(0), to = request.out();
  const StridedBox box = InputBox(op, from.strides);
  to.strides = OutputBox(op, to.strides);
  from.offset += box.offset;
  from.strides = box.strides;
  from.shape = to.shape = box.extents;
  return CopyUnlessInPlace(request, from, to);
}

Status MakeGpuKernel(const Relayout&, const GpuRequest& request) {
  return CopyUnlessInPlace(request, request.At(0), request.out());
}

}  // namespace decal
