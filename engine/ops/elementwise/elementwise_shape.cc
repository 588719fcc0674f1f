// Output types of the elementwise operators.
// SPDX-License-Identifier: MIT
#include <string>

#include "engine/ops/elementwise/elementwise.h"

namespace decal {
namespace {

bool IsComparison(BinaryKind kind) { return kind >= BinaryKind::kEqual && kind <= BinaryKind::kGreaterOrEqual; }
bool IsLogic(BinaryKind kind) { return kind >= BinaryKind::kAnd; }

// Kinds that ONNX defines for integers too.
bool TakesIntegers(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::kAbs:
    case UnaryKind::kNeg:
    case UnaryKind::kSign:
    case UnaryKind::kRelu:
    case UnaryKind::kClip: return true;
    default: return false;
  }
}

}  // namespace

InferResult Infer(const Unary& op, const InferContext& context) {
  DECAL_TRY(RequireInputs(context, 1, Name(op.kind)));
  const DType dtype = context[0].dtype;
  const bool fits = op.kind == UnaryKind::kNot ? dtype == DType::kBool
                                               : IsFloat(dtype) || (IsInteger(dtype) && TakesIntegers(op.kind));
  if (!fits) return BadType(Name(op.kind), dtype);
  return One(dtype, context[0].shape);
}

InferResult Infer(const Binary& op, const InferContext& context) {
  DECAL_TRY(RequireInputs(context, 2, Name(op.kind)));
  const InferInput& a = context[0];
  const InferInput& b = context[1];
  // ONNX lets the exponent be of another type.
  if (a.dtype != b.dtype && op.kind != BinaryKind::kPow)
    return Fail(ErrorCode::kShapeMismatch,
                std::string(Name(op.kind)) + " of " + Name(a.dtype) + " and " + Name(b.dtype));
  // Narrow floats are storage: they compare and compute after a Cast.
  for (const InferInput* input : {&a, &b})
    if (IsFloating(input->dtype) && !IsFloat(input->dtype)) return BadType(Name(op.kind), input->dtype);
  const bool is_bool = a.dtype == DType::kBool;
  if (a.dtype == DType::kString && op.kind != BinaryKind::kEqual) return BadType(Name(op.kind), a.dtype);
  if (op.kind != BinaryKind::kEqual && is_bool != IsLogic(op.kind)) return BadType(Name(op.kind), a.dtype);
  DECAL_TRY_ASSIGN(const Shape shape, BroadcastShapes(a.shape, b.shape));
  if (op.kind == BinaryKind::kPRelu && !(shape == a.shape))
    return Fail(ErrorCode::kShapeMismatch, "PRelu: a slope of " + b.shape.ToString() + " for " + a.shape.ToString());
  return One(IsComparison(op.kind) || IsLogic(op.kind) ? DType::kBool : a.dtype, shape);
}

InferResult Infer(const Where&, const InferContext& context) {
  DECAL_TRY(RequireInputs(context, 3, "Where"));
  if (context[0].dtype != DType::kBool) return BadType("Where on a condition", context[0].dtype);
  if (context[1].dtype != context[2].dtype)
    return Fail(ErrorCode::kShapeMismatch,
                std::string("Where between ") + Name(context[1].dtype) + " and " + Name(context[2].dtype));
  DECAL_TRY_ASSIGN(const Shape values, BroadcastShapes(context[1].shape, context[2].shape));
  DECAL_TRY_ASSIGN(const Shape shape, BroadcastShapes(context[0].shape, values));
  return One(context[1].dtype, shape);
}

InferResult Infer(const Cast& op, const InferContext& context) {
  DECAL_TRY(RequireInputs(context, 1, "Cast"));
  return One(op.to, context[0].shape);
}

}  // namespace decal
