// Output types of the normalisations.
// SPDX-License-Identifier: MIT
#include <string>

#include "engine/ops/norm/norm.h"

namespace decal {
namespace {

InferResult SameAsInput(const InferContext& context) {
  return std::vector<TensorType>{{context[0].dtype, context[0].shape}};
}

// x [N,C,...] and `parameters` inputs of shape [C].
Status RequirePerChannel(const InferContext& context, size_t parameters, const char* op, size_t outputs = 1) {
  DECAL_TRY(RequireInputs(context, 1 + parameters, op, outputs));
  const Shape& x = context[0].shape;
  if (x.rank() < 2) return Fail(ErrorCode::kShapeMismatch, std::string(op) + " of " + x.ToString());
  for (size_t i = 0; i <= parameters; ++i) {
    DECAL_TRY(RequireFloat(context[i].dtype, op));
    if (i > 0 && !(context[i].shape == Shape{x[1]}))
      return Fail(ErrorCode::kShapeMismatch, std::string(op) + ": input " + std::to_string(i) + " of shape " +
                                                 context[i].shape.ToString() + " for " + x.ToString());
  }
  return {};
}

}  // namespace

InferResult Infer(const BatchNorm& op, const InferContext& context) {
  DECAL_TRY(RequirePerChannel(context, 4, "BatchNormalization", op.training ? 3 : 1));
  if (op.training && context[0].shape.elements() == 0)
    return Fail(ErrorCode::kShapeMismatch, "moments of an empty tensor");
  std::vector<TensorType> types(context.outputs, {context[4].dtype, context[4].shape});
  types[0] = {context[0].dtype, context[0].shape};
  return types;
}

InferResult Infer(const InstanceNorm& op, const InferContext& context) {
  DECAL_TRY(RequirePerChannel(context, 2, "InstanceNormalization"));
  if (op.first < 0 || op.first >= std::min(op.end, context[0].shape[1]))
    return Fail(ErrorCode::kShapeMismatch, "InstanceNormalization without channels");
  return SameAsInput(context);
}

InferResult Infer(const LayerNorm& op, const InferContext& context) {
  DECAL_TRY(RequireInputs(context, 2, "LayerNormalization", 3));
  const Shape& x = context[0].shape;
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(op.axis, x.rank()));
  for (size_t i = 0; i < 3 && context.has(i); ++i) {
    DECAL_TRY(RequireFloat(context[i].dtype, "LayerNormalization"));
    DECAL_TRY_ASSIGN(const Shape shape, BroadcastShapes(x, context[i].shape));
    if (!(shape == x))
      return Fail(ErrorCode::kShapeMismatch,
                  "LayerNormalization: a parameter of shape " + context[i].shape.ToString() + " for " + x.ToString());
  }
  Shape moments = x;
  for (size_t d = axis; d < x.rank(); ++d) moments[d] = 1;
  std::vector<TensorType> types(context.outputs, {DType::kFloat32, moments});
  types[0] = {context[0].dtype, x};
  return types;
}

InferResult Infer(const Softmax& op, const InferContext& context) {
  DECAL_TRY(RequireInputs(context, 1, "Softmax"));
  DECAL_TRY(RequireFloat(context[0].dtype, "Softmax"));
  DECAL_TRY(NormalizeAxis(op.axis, context[0].shape.rank()));
  return SameAsInput(context);
}

}  // namespace decal
