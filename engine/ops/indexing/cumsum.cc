// CumSum: running sums along an axis; floats accumulate in double, integers wrap at 64 bits.
// SPDX-License-Identifier: MIT
#include <string>

#include "engine/ops/any_element.h"
#include "engine/ops/indexing/indexing.h"

namespace decal {

InferResult Infer(const CumSum&, const InferContext& c) {
  if (!c.has(0) || !c.has(1)) return Fail(ErrorCode::kShapeMismatch, "an input is missing");
  if (c[0].dtype == DType::kBool) return Fail(ErrorCode::kUnsupportedOperator, "CumSum of bool");
  DECAL_TRY_ASSIGN(const Dims axis, c.Integers(1, "axis"));
  if (axis.rank() != 1 || c[0].shape.empty())
    return Fail(ErrorCode::kShapeMismatch, "CumSum of " + c[0].shape.ToString() + " along axes " + axis.ToString());
  DECAL_TRY(NormalizeAxis(axis[0], c[0].shape.rank()));
  return std::vector<TensorType>{{c[0].dtype, c[0].shape}};
}

Status Reference(const CumSum& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView& x = in[0];
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(IndexAt(in[1], 0), x.shape.rank()));
  const int64_t extent = x.shape[axis];
  Shape lines = x.shape;
  lines[axis] = extent == 0 ? 0 : 1;
  WithSums(x.dtype, [&](auto zero, const auto& load, const auto& store) {
    for (StridedIndex<2> i(lines, {x.strides, out[0].strides}); i.valid(); i.Next()) {
      auto sum = zero;
      for (int64_t n = 0; n < extent; ++n) {
        const int64_t at = op.reverse ? extent - 1 - n : n;
        const auto value = load(x, i.offset(0) + at * x.strides[axis]);
        store(out[0], i.offset(1) + at * out[0].strides[axis], op.exclusive ? sum : sum + value);
        sum += value;
      }
    }
  });
  return {};
}

}  // namespace decal
