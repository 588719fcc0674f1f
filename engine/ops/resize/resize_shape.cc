// Output type of Resize.
#include <cmath>
#include <string>

#include "engine/ops/pointwise.h"
#include "engine/ops/resize/resize.h"

namespace decal {
namespace {

Result<Shape> ScaledShape(const Shape& input, const InferInput& scales) {
  if (scales.constant == nullptr)
    return Fail(ErrorCode::kUnsupportedOperator, "Resize: 'scales' depends on the picture's contents");
  if (scales.dtype != DType::kFloat32 || scales.shape.elements() != static_cast<int64_t>(input.rank()))
    return Fail(ErrorCode::kShapeMismatch,
                "Resize: " + std::to_string(scales.shape.elements()) + " scales for " + input.ToString());
  const float* scale = scales.constant->view().as<float>();
  Shape shape = input;
  for (size_t d = 0; d < input.rank(); ++d) {
    // In float, as other runtimes do: 3 * 1.6666666 is 5 there and 4 in double.
    const float extent = std::floor(static_cast<float>(input[d]) * scale[d]);
    if (!(scale[d] > 0) || !(extent >= 1) || extent > static_cast<float>(kMaxTensorElements))
      return Fail(ErrorCode::kShapeMismatch,
                  "Resize: scale " + std::to_string(scale[d]) + " of " + input.ToString());
    shape[d] = static_cast<int64_t>(extent);
  }
  return shape;
}

Result<Shape> SizedShape(const Shape& input, const InferContext& context) {
  DECAL_TRY_ASSIGN(const Shape shape, context.Integers(2, "sizes"));
  bool fits = shape.rank() == input.rank();
  for (int64_t extent : shape) fits = fits && extent >= 1;
  if (!fits)
    return Fail(ErrorCode::kShapeMismatch, "Resize: sizes " + shape.ToString() + " for " + input.ToString());
  return shape;
}

}  // namespace

InferResult Infer(const Resize& op, const InferContext& context) {
  DECAL_TRY(RequireInputs(context, 1, "Resize"));
  if (op.mode != ResizeMode::kNearest) DECAL_TRY(RequireFloat(context[0].dtype, "Resize"));
  const Shape& input = context[0].shape;
  if (input.elements() == 0) return Fail(ErrorCode::kShapeMismatch, "Resize of an empty " + input.ToString());
  // Opset 11 spells "absent" as an empty tensor.
  const bool by_scales = context.has(1) && context[1].shape.elements() > 0;
  if (!by_scales && !context.has(2)) return Fail(ErrorCode::kShapeMismatch, "Resize has neither scales nor sizes");
  DECAL_TRY_ASSIGN(const Shape shape, by_scales ? ScaledShape(input, context[1]) : SizedShape(input, context));
  int64_t elements = 1;
  for (int64_t extent : shape) {
    if (extent > kMaxTensorElements / elements)
      return Fail(ErrorCode::kLimitExceeded, "Resize to " + shape.ToString());
    elements *= extent;
  }
  return std::vector<TensorType>{{context[0].dtype, shape}};
}

LayoutNeed LayoutOf(const Resize&) { return LayoutNeed::kChannelsLast; }

}  // namespace decal
