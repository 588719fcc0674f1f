// Output types and window geometry of pooling.
// SPDX-License-Identifier: MIT
#include <string>

#include "engine/ops/pool/pool.h"
#include "engine/ops/pool/pool_window.h"

namespace decal {
namespace {

// Largest kernel, stride, dilation or padding: keeps the arithmetic below far from overflow.
constexpr int64_t kMaxWindowExtent = 1 << 20;

int64_t EntryOr(const Dims& dims, size_t i, int64_t otherwise) { return i < dims.rank() ? dims[i] : otherwise; }

std::unexpected<Error> DoesNotFit(const Shape& input, const std::string& why) {
  return Fail(ErrorCode::kShapeMismatch, "Pool of " + input.ToString() + ": " + why);
}

}  // namespace

Result<PoolGeometry> ResolvePool(const Pool& op, const Shape& input) {
  if (input.rank() < 3 || input.rank() > 5) return DoesNotFit(input, "only one to three spatial dimensions");
  PoolGeometry geometry;
  geometry.spatial_rank = input.rank() - 2;
  const Window& w = op.window;
  if (w.kernel.rank() < geometry.spatial_rank)
    return DoesNotFit(input, "kernel_shape has " + std::to_string(w.kernel.rank()) + " entries");
  for (size_t i = geometry.spatial_rank; i < w.kernel.rank(); ++i)
    if (w.kernel[i] != 1) return DoesNotFit(input, "kernel_shape " + w.kernel.ToString());

  for (size_t i = 0; i < geometry.spatial_rank; ++i) {
    PoolAxis& axis = geometry.axes[i];
    axis.extent = input[i + 2];
    axis.kernel = w.kernel[i];
    axis.stride = EntryOr(w.strides, i, 1);
    axis.dilation = EntryOr(w.dilations, i, 1);
    axis.pad_begin = EntryOr(w.pads_begin, i, 0);
    int64_t pad_end = EntryOr(w.pads_end, i, 0);
    for (int64_t v : {axis.kernel, axis.stride, axis.dilation})
      if (v < 1 || v > kMaxWindowExtent) return DoesNotFit(input, "a window of size " + std::to_string(v));
    const int64_t reach = (axis.kernel - 1) * axis.dilation + 1;
    int64_t& out = geometry.out_extents[i];

    const bool same = w.auto_pad == Window::AutoPad::kSameUpper || w.auto_pad == Window::AutoPad::kSameLower;
    if (same) {
      out = (axis.extent + axis.stride - 1) / axis.stride;
      const int64_t total = std::max<int64_t>(0, (out - 1) * axis.stride + reach - axis.extent);
      axis.pad_begin = w.auto_pad == Window::AutoPad::kSameUpper ? total / 2 : total - total / 2;
      pad_end = total - axis.pad_begin;
    } else {
      if (w.auto_pad == Window::AutoPad::kValid) axis.pad_begin = pad_end = 0;
      if (axis.pad_begin < 0 || pad_end < 0 || axis.pad_begin >= reach || pad_end >= reach)
        return DoesNotFit(input, "padding of " + std::to_string(std::max(axis.pad_begin, pad_end)) +
                                     " for a window of " + std::to_string(reach));
      const int64_t room = axis.extent + axis.pad_begin + pad_end - reach;
      if (room < 0)
        return DoesNotFit(input, "a window of " + std::to_string(reach) + " is larger than the padded input");
      out = (room + (op.ceil_mode ? axis.stride - 1 : 0)) / axis.stride + 1;
      // A window that would start in the padding behind the input is dropped.
      if (op.ceil_mode && (out - 1) * axis.stride >= axis.extent + axis.pad_begin) --out;
    }
    axis.count_begin = op.count_include_pad ? -axis.pad_begin : 0;
    axis.count_end = axis.extent + (op.count_include_pad ? pad_end : 0);
  }
  return geometry;
}

InferResult Infer(const Pool& op, const InferContext& context) {
  DECAL_TRY(RequireInputs(context, 1, "Pool", op.kind == PoolKind::kMax ? 2 : 1));
  const bool codes = context[0].dtype == DType::kUint8 || context[0].dtype == DType::kInt8;
  if (op.kind != PoolKind::kMax || !codes) DECAL_TRY(RequireFloat(context[0].dtype, "Pool"));
  DECAL_TRY_ASSIGN(const PoolGeometry geometry, ResolvePool(op, context[0].shape));
  Shape shape = context[0].shape;
  for (size_t i = 0; i < geometry.spatial_rank; ++i) shape[i + 2] = geometry.out_extents[i];
  std::vector<TensorType> types(context.outputs, {DType::kInt64, shape});
  types[0].dtype = context[0].dtype;
  return types;
}

InferResult Infer(const GlobalPool&, const InferContext& context) {
  DECAL_TRY(RequireInputs(context, 1, "GlobalPool"));
  DECAL_TRY(RequireFloat(context[0].dtype, "GlobalPool"));
  Shape shape = context[0].shape;
  if (shape.rank() < 3) return Fail(ErrorCode::kShapeMismatch, "GlobalPool of " + shape.ToString());
  for (size_t i = 2; i < shape.rank(); ++i) {
    if (shape[i] == 0) return Fail(ErrorCode::kShapeMismatch, "GlobalPool of an empty " + shape.ToString());
    shape[i] = 1;
  }
  return std::vector<TensorType>{{context[0].dtype, shape}};
}

}  // namespace decal
