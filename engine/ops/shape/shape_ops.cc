// Shape, ConstantOfShape and Range: always folded once shapes are known, so they have no fast kernel.
// SPDX-License-Identifier: MIT
#include "engine/ops/shape/shape_ops.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/base/element.h"

namespace decal {
namespace {

// Elements of [start, limit) by delta.
int64_t RangeCount(const TensorView& start, const TensorView& limit, const TensorView& delta) {
  const double step = LoadNumber(delta.dtype, delta.data, 0);
  const double span = LoadNumber(limit.dtype, limit.data, 0) - LoadNumber(start.dtype, start.data, 0);
  if (step == 0 || std::isnan(span / step)) return -1;
  return static_cast<int64_t>(std::clamp(std::ceil(span / step), 0.0, double{kMaxTensorElements} + 1));
}

std::pair<size_t, size_t> ShapeBounds(const ShapeOf& op, size_t rank) {
  const int64_t r = static_cast<int64_t>(rank);
  const auto clamp = [r](int64_t v) { return static_cast<size_t>(std::clamp<int64_t>(v < 0 ? v + r : v, 0, r)); };
  const size_t start = clamp(op.start);
  return {start, std::max(start, clamp(op.end))};
}

}  // namespace

InferResult Infer(const ShapeOf& op, const InferContext& c) {
  if (!c.has(0)) return Fail(ErrorCode::kShapeMismatch, "Shape has no input");
  const auto [start, end] = ShapeBounds(op, c[0].shape.rank());
  return std::vector<TensorType>{{DType::kInt64, Shape{static_cast<int64_t>(end - start)}}};
}

Status Reference(const ShapeOf& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const auto [start, end] = ShapeBounds(op, in[0].shape.rank());
  for (size_t i = start; i < end; ++i)
    out[0].as<int64_t>()[static_cast<int64_t>(i - start) * out[0].strides[0]] = in[0].shape[i];
  return {};
}

InferResult Infer(const ConstantOfShape& op, const InferContext& c) {
  DECAL_TRY_ASSIGN(Dims shape, c.Integers(0, "shape"));
  int64_t elements = 1;
  for (int64_t v : shape) {
    if (v < 0 || v > kMaxTensorElements || (v > 0 && elements > kMaxTensorElements / v))
      return Fail(ErrorCode::kShapeMismatch, "ConstantOfShape of " + shape.ToString());
    elements *= v;
  }
  return std::vector<TensorType>{{op.dtype, shape}};
}

Status Reference(const ConstantOfShape& op, std::span<const TensorView>, std::span<const MutableTensorView> out) {
  for (StridedIndex<1> i(out[0].shape, {out[0].strides}); i.valid(); i.Next())
    StoreNumber(op.dtype, out[0].data, i.offset(0), op.value);
  return {};
}

InferResult Infer(const Range&, const InferContext& c) {
  for (size_t i = 0; i < 3; ++i) {
    if (!c.has(i) || c[i].dtype != c[0].dtype || c[i].shape.elements() != 1)
      return Fail(ErrorCode::kShapeMismatch, "Range needs three scalars of one type");
    if (c[i].constant == nullptr)
      return Fail(ErrorCode::kUnsupportedOperator, "Range bounds depend on the picture's contents");
  }
  const TensorView start = c[0].constant->view(), limit = c[1].constant->view(), delta = c[2].constant->view();
  if (c[0].dtype == DType::kBool || (IsFloating(c[0].dtype) && SizeOf(c[0].dtype) == 1))
    return Fail(ErrorCode::kUnsupportedOperator, std::string("Range of ") + Name(c[0].dtype));
  const int64_t count = RangeCount(start, limit, delta);
  if (count < 0 || count > kMaxTensorElements)
    return Fail(ErrorCode::kShapeMismatch, "Range has a step of 0 or too many elements");
  return std::vector<TensorType>{{c[0].dtype, Shape{count}}};
}

Status Reference(const Range&, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const DType dtype = in[0].dtype;
  for (int64_t i = 0; i < out[0].shape[0]; ++i) {
    const int64_t offset = i * out[0].strides[0];
    if (IsFloating(dtype))
      StoreNumber(dtype, out[0].data, offset,
                  LoadNumber(dtype, in[0].data, 0) + static_cast<double>(i) * LoadNumber(dtype, in[2].data, 0));
    else
      StoreInteger(dtype, out[0].data, offset,
                   LoadInteger(dtype, in[0].data, 0) + static_cast<uint64_t>(i) * LoadInteger(dtype, in[2].data, 0));
  }
  return {};
}

}  // namespace decal
