// Integer inputs, axes and broadcasting.
// SPDX-License-Identifier: MIT
#include "engine/ops/shape_rule.h"

#include <algorithm>

namespace decal {

Result<Dims> InferContext::Integers(size_t i, const char* what) const {
  if (!has(i)) return Fail(ErrorCode::kShapeMismatch, std::string("input '") + what + "' is missing");
  const ConstantTensor* tensor = inputs[i].constant;
  if (tensor == nullptr)
    return Fail(ErrorCode::kUnsupportedOperator, std::string("'") + what + "' depends on the picture's contents");
  if (tensor->shape.rank() > 1 || tensor->shape.elements() > static_cast<int64_t>(kMaxRank))
    return Fail(ErrorCode::kShapeMismatch, std::string("'") + what + "' has shape " + tensor->shape.ToString());
  Dims values;
  for (int64_t n = 0; n < tensor->shape.elements(); ++n) {
    if (tensor->dtype == DType::kInt64) values.push_back(reinterpret_cast<const int64_t*>(tensor->buffer.data())[n]);
    else if (tensor->dtype == DType::kInt32)
      values.push_back(reinterpret_cast<const int32_t*>(tensor->buffer.data())[n]);
    else return Fail(ErrorCode::kShapeMismatch, std::string("'") + what + "' is not an integer tensor");
  }
  return values;
}

Result<size_t> NormalizeAxis(int64_t axis, size_t rank) {
  const int64_t r = static_cast<int64_t>(rank);
  if (axis < -r || axis >= std::max<int64_t>(r, 1))
    return Fail(ErrorCode::kShapeMismatch,
                "axis " + std::to_string(axis) + " of a tensor of rank " + std::to_string(rank));
  return static_cast<size_t>(axis < 0 ? axis + r : axis);
}

Result<Shape> BroadcastShapes(const Shape& a, const Shape& b) {
  const size_t rank = std::max(a.rank(), b.rank());
  Shape out = Dims::Filled(rank, 1);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t x = i + a.rank() >= rank ? a[i + a.rank() - rank] : 1;
    const int64_t y = i + b.rank() >= rank ? b[i + b.rank() - rank] : 1;
    if (x != y && x != 1 && y != 1)
      return Fail(ErrorCode::kShapeMismatch, "shapes " + a.ToString() + " and " + b.ToString() + " do not broadcast");
    out[i] = x == 1 ? y : x;
  }
  return out;
}

TensorView BroadcastTo(const TensorView& view, const Shape& shape) {
  TensorView out = view;
  out.shape = shape;
  out.strides = Dims::Filled(shape.rank(), 0);
  const size_t lead = shape.rank() - view.shape.rank();
  for (size_t i = 0; i < view.shape.rank(); ++i) out.strides[lead + i] = view.shape[i] == 1 ? 0 : view.strides[i];
  return out;
}

}  // namespace decal
