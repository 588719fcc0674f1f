// Shape rule of DeformConv: a convolution's, and one offset pair and mask for each tap and output position.
// SPDX-License-Identifier: MIT
#include <string>

#include "engine/ops/conv/conv_geometry.h"
#include "engine/ops/deform_conv/deform_conv.h"
#include "engine/ops/epilogue.h"

namespace decal {

InferResult Infer(const DeformConv& op, const InferContext& context) {
  for (size_t i : {kDeformX, kDeformWeight, kDeformOffset})
    if (!context.has(i)) return Fail(ErrorCode::kShapeMismatch, "DeformConv without input, weight or offset");
  for (size_t i = 0; i < kDeformInputs; ++i)
    if (context.has(i) && context[i].dtype != DType::kFloat32)
      return Fail(ErrorCode::kUnsupportedOperator, std::string("DeformConv of type ") + Name(context[i].dtype));
  const Shape& x = context[kDeformX].shape;
  if (x.rank() != 4) return Fail(ErrorCode::kUnsupportedOperator, "DeformConv of an input of shape " + x.ToString());
  DECAL_TRY_ASSIGN(const TensorType type,
                   InferConvolvedType(Conv{op.window, op.group}, x, context[kDeformWeight].shape));
  const Shape &weight = context[kDeformWeight].shape, &out = *type.shape;
  if (op.offset_group < 1 || op.offset_group > x[1] || x[1] % op.offset_group != 0)
    return Fail(ErrorCode::kShapeMismatch,
                "offset_group " + std::to_string(op.offset_group) + " of " + std::to_string(x[1]) + " channels");
  const auto check = [&](size_t input, int64_t per_tap, const char* what) -> Status {
    const Shape& shape = context[input].shape;
    // In this order no product can overflow: the taps are those of a weight that exists.
    if (shape.rank() == 4 && shape[0] == out[0] && shape[2] == out[2] && shape[3] == out[3] &&
        shape[1] % (per_tap * op.offset_group) == 0 && shape[1] / (per_tap * op.offset_group) == weight[2] * weight[3])
      return {};
    return Fail(ErrorCode::kShapeMismatch, std::string(what) + " " + shape.ToString() + " for a weight of " +
                                               weight.ToString() + ", " + std::to_string(op.offset_group) +
                                               " offset groups and an output of " + out.ToString());
  };
  DECAL_TRY(check(kDeformOffset, 2, "offset"));
  if (context.has(kDeformMask)) DECAL_TRY(check(kDeformMask, 1, "mask"));
  DECAL_TRY(CheckEpilogue(op.epilogue, context, kDeformBias, kDeformInputs, out[1], out));
  return std::vector<TensorType>{type};
}

}  // namespace decal
