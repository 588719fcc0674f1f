// Shape rules of matrix products.
// SPDX-License-Identifier: MIT
#include <string>

#include "engine/ops/epilogue.h"
#include "engine/ops/matmul/matmul.h"
#include "engine/ops/matmul/matrix_view.h"

namespace decal {
namespace {

Status CheckOperands(const InferContext& context) {
  if (!context.has(0) || !context.has(1)) return Fail(ErrorCode::kShapeMismatch, "an input is missing");
  for (size_t i = 0; i < 2; ++i)
    if (context[i].dtype != DType::kFloat32)
      return Fail(ErrorCode::kUnsupportedOperator, std::string("matrix product of type ") + Name(context[i].dtype));
  return {};
}

std::string Mismatch(const Shape& a, const Shape& b) {
  return "matrix shapes " + a.ToString() + " and " + b.ToString() + " do not match";
}

Status CheckSize(const Shape& out) {
  int64_t left = kMaxTensorElements;
  for (int64_t extent : out) {
    if (extent == 0) return {};
    left /= extent;
  }
  if (left == 0) return Fail(ErrorCode::kLimitExceeded, "product " + out.ToString() + " is too large");
  return {};
}

}  // namespace

InferResult Infer(const MatMul& op, const InferContext& context) {
  DECAL_TRY(CheckOperands(context));
  const Shape &a = context[0].shape, &b = context[1].shape;
  if (a.rank() == 0 || b.rank() == 0) return Fail(ErrorCode::kShapeMismatch, Mismatch(a, b));
  const Shape left = AsLeftMatrix({nullptr, DType::kFloat32, a, a}).shape;
  const Shape right = AsRightMatrix({nullptr, DType::kFloat32, b, b}).shape;
  if (left.back() != right[right.rank() - 2]) return Fail(ErrorCode::kShapeMismatch, Mismatch(a, b));
  DECAL_TRY_ASSIGN(Shape out, BroadcastShapes(BatchOf(left), BatchOf(right)));
  if (a.rank() > 1) out.push_back(left[left.rank() - 2]);
  if (b.rank() > 1) out.push_back(right.back());
  DECAL_TRY(CheckSize(out));
  DECAL_TRY(CheckEpilogue(op.epilogue, context, 2, 3, right.back(), out));
  return std::vector<TensorType>{{DType::kFloat32, out}};
}

InferResult Infer(const Gemm& op, const InferContext& context) {
  DECAL_TRY(CheckOperands(context));
  const Shape &a = context[0].shape, &b = context[1].shape;
  if (a.rank() != 2 || b.rank() != 2 || a[op.trans_a ? 0 : 1] != b[op.trans_b ? 1 : 0])
    return Fail(ErrorCode::kShapeMismatch, Mismatch(a, b));
  const Shape out = {a[op.trans_a ? 1 : 0], b[op.trans_b ? 0 : 1]};
  DECAL_TRY(CheckSize(out));
  if (context.has(2)) {
    if (context[2].dtype != DType::kFloat32)
      return Fail(ErrorCode::kUnsupportedOperator, std::string("bias of type ") + Name(context[2].dtype));
    auto sum = BroadcastShapes(context[2].shape, out);
    if (!sum || !(*sum == out))
      return Fail(ErrorCode::kShapeMismatch,
                  "bias " + context[2].shape.ToString() + " for a product of " + out.ToString());
  }
  return std::vector<TensorType>{{DType::kFloat32, out}};
}

}  // namespace decal
