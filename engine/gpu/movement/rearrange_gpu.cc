// WebGPU kernels of movement that takes several copies: blocks, tiles, padding and gathers by constant indices.
// SPDX-License-Identifier: MIT
#include "engine/ops/any_element.h"
#include "engine/ops/movement/blocks.h"
#include "engine/gpu/movement/movement_gpu.h"
#include "engine/ops/movement/slice_spec.h"
#include "engine/gpu/templates/nest.h"

namespace decal {
namespace {

Status RefuseRearrangement(const char* what) {
  return Fail(ErrorCode::kUnsupportedOperator, std::string("no WebGPU kernel for ") + what);
}

// Copies, of which those of no elements are nothing.
Status CopyElements(const GpuRequest& request, const gpu::Tensor& from, const gpu::Tensor& to) {
  if (to.shape.elements() == 0) return {};
  request.builder.Algorithm("strided copies");
  return AddStridedCopy(request.builder, from, to);
}

// `extent` indices of `d` from `begin` on, `step` apart; a step of 0 repeats one.
gpu::Tensor Along(gpu::Tensor tensor, size_t d, int64_t begin, int64_t extent, int64_t step = 1) {
  tensor.offset += begin * tensor.strides[d];
  tensor.shape[d] = extent;
  tensor.strides[d] *= step;
  return tensor;
}

Status CopyBlocks(const GpuRequest& request, const Shape& shape, const Strides& from, const Strides& to) {
  gpu::Tensor x = request.At(0), y = request.out();
  x.shape = y.shape = shape;
  x.strides = from;
  y.strides = to;
  return CopyElements(request, x, y);
}

// A zero that every pad without a value shares.
constexpr int kZero = 0;

// One dimension of the output beyond the input, once all before it are complete: what lies there is already somewhere
// in the output.
Status Reflect(const GpuRequest& request, const gpu::Tensor& y, size_t d, int64_t before, int64_t n, int64_t after,
               PadMode mode) {
  const int64_t last = before + n - 1;
  const gpu::Tensor low = Along(y, d, 0, before), high = Along(y, d, before + n, after);
  if (mode == PadMode::kEdge || n == 1) {
    DECAL_TRY(CopyElements(request, Along(y, d, before, before, 0), low));
    return CopyElements(request, Along(y, d, last, after, 0), high);
  }
  if (std::max(before, after) > (mode == PadMode::kWrap ? n : n - 1))
    return RefuseRearrangement("padding wider than what it repeats");
  if (mode == PadMode::kWrap) {
    DECAL_TRY(CopyElements(request, Along(y, d, n, before), low));
    return CopyElements(request, Along(y, d, before, after), high);
  }
  DECAL_TRY(CopyElements(request, Along(y, d, 2 * before, before, -1), low));
  return CopyElements(request, Along(y, d, last - 1, after, -1), high);
}

}  // namespace

Status MakeGpuKernel(const DepthToSpace& op, const GpuRequest& request) {
  const gpu::Tensor& y = request.out();
  const Blocks blocks = BlocksOf(op.block, op.crd, y.shape, request.inputs[0].tensor.strides, y.strides);
  return CopyBlocks(request, blocks.shape, blocks.deep, blocks.wide);
}

Status MakeGpuKernel(const SpaceToDepth& op, const GpuRequest& request) {
  const gpu::Tensor& x = request.inputs[0].tensor;
  const Blocks blocks = BlocksOf(op.block, false, x.shape, request.out().strides, x.strides);
  return CopyBlocks(request, blocks.shape, blocks.wide, blocks.deep);
}

// Every repeated dimension as two: repeats and the input's own.
Status MakeGpuKernel(const Tile&, const GpuRequest& request) {
  const gpu::Tensor x = request.At(0), &y = request.out();
  gpu::Tensor from = x, to = y;
  from.shape = to.shape = {};
  from.strides = to.strides = {};
  const auto loop = [&](int64_t extent, int64_t from_stride, int64_t to_stride) {
    if (extent == 1) return true;
    if (to.shape.rank() == kMaxRank) return false;
    from.shape.push_back(extent);
    to.shape.push_back(extent);
    from.strides.push_back(from_stride);
    to.strides.push_back(to_stride);
    return true;
  };
  for (size_t d = 0; d < x.shape.rank(); ++d)
    if (x.shape[d] == 0 || !loop(y.shape[d] / x.shape[d], 0, x.shape[d] * y.strides[d]) ||
        !loop(x.shape[d], x.strides[d], y.strides[d]))
      return RefuseRearrangement("tiling of so many dimensions");
  return CopyElements(request, from, to);
}

Status MakeGpuKernel(const Pad& op, const GpuRequest& request) {
  for (const size_t i : {size_t{1}, size_t{3}})
    if (request.has(i) && !request.is_constant(i)) return RefuseRearrangement("padding by computed amounts");
  const gpu::Tensor x = request.At(0), &y = request.out();
  DECAL_TRY_ASSIGN(const PadSpec pads, ResolvePad(x.shape, request.inputs[1].constant->view(),
                                                  request.has(3) ? request.inputs[3].constant->view() : TensorView{}));
  // What input and output share; negative amounts crop.
  gpu::Tensor from = x, to = y;
  const size_t rank = x.shape.rank();
  for (size_t d = 0; d < rank; ++d) {
    const int64_t begin = pads.begin[d], end = pads.end[d];
    if (op.mode != PadMode::kConstant && (begin < 0 || end < 0))
      return RefuseRearrangement("padding and cropping at once");
    const int64_t extent = x.shape[d] + std::min<int64_t>(begin, 0) + std::min<int64_t>(end, 0);
    if (extent < 0 || (op.mode != PadMode::kConstant && extent == 0)) return RefuseRearrangement("padding of nothing");
    from = Along(from, d, std::max<int64_t>(-begin, 0), extent);
    to = Along(to, d, std::max<int64_t>(begin, 0), extent);
  }
  DECAL_TRY(CopyElements(request, from, to));
  gpu::Tensor value;
  if (op.mode == PadMode::kConstant) {
    value = request.has(2) ? request.At(2) : FloatTable(request, &kZero, 1, {0.0f});
    value.shape = Shape{};
    value.strides = Strides{};
  }
  // The border in slabs: along dimension d they cover what the dimensions before it have completed.
  gpu::Tensor done = to;
  for (size_t d = 0; d < rank; ++d) {
    const int64_t before = std::max<int64_t>(pads.begin[d], 0), n = to.shape[d], after = y.shape[d] - before - n;
    done = Along(done, d, -before, y.shape[d]);
    if (op.mode != PadMode::kConstant) {
      DECAL_TRY(Reflect(request, done, d, before, n, after, op.mode));
      continue;
    }
    for (const gpu::Tensor& slab : {Along(done, d, 0, before), Along(done, d, before + n, after)})
      DECAL_TRY(CopyElements(request, Broadcast(value, slab.shape), slab));
  }
  return {};
}

// Runs of evenly spaced indices are one copy each.
Status MakeGpuKernel(const Gather& op, const GpuRequest& request) {
  // Beyond this many dispatches a table of indices would be the better kernel; no model here comes close.
  constexpr size_t kMaxCopies = 64;
  if (!request.is_constant(1)) return RefuseRearrangement("gathers whose indices are computed");
  const gpu::Tensor x = request.At(0), &y = request.out();
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(op.axis, x.shape.rank()));
  const TensorView indices = request.inputs[1].constant->view();
  if (y.shape.elements() == 0) return {};
  // The output with the dimensions of the indices as one, which needs them to be dense among themselves.
  gpu::Tensor to = y;
  to.shape = x.shape;
  to.strides = x.strides;
  const size_t index_rank = indices.shape.rank();
  int64_t count = 1, stride = index_rank == 0 ? 0 : y.strides[axis + index_rank - 1];
  for (size_t k = index_rank; k-- > 0;) {
    if (indices.shape[k] > 1 && y.strides[axis + k] != count * stride) {
      if (count > 1) return RefuseRearrangement("gathers into strided tensors");
      stride = y.strides[axis + k];
    }
    count *= indices.shape[k];
  }
  for (size_t d = 0; d < x.shape.rank(); ++d) {
    if (d == axis) continue;
    const size_t out = d < axis ? d : d + index_rank - 1;
    to.strides[d] = y.strides[out];
  }
  to.shape[axis] = count;
  to.strides[axis] = stride;
  const auto index = [&](int64_t i) {
    const int64_t value = IndexAt(indices, i);
    return value < 0 ? value + x.shape[axis] : value;
  };
  size_t copies = 0;
  for (int64_t begin = 0; begin < count;) {
    const int64_t step = begin + 1 < count ? index(begin + 1) - index(begin) : 1;
    int64_t end = begin + 1;
    while (end < count && index(end) - index(end - 1) == step) ++end;
    if (++copies > kMaxCopies) return RefuseRearrangement("gathers by so many indices");
    for (int64_t i = begin; i < end; ++i)
      if (index(i) < 0 || index(i) >= x.shape[axis])
        return Fail(ErrorCode::kShapeMismatch, "Gather index out of range");
    DECAL_TRY(
        CopyElements(request, Along(x, axis, index(begin), end - begin, step), Along(to, axis, begin, end - begin)));
    begin = end;
  }
  return {};
}

}  // namespace decal
