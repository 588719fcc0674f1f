// Output type of Resize.
// SPDX-License-Identifier: MIT
#include <string>

#include "engine/ops/resize/resize.h"
#include "engine/ops/resize/resize_taps.h"

namespace decal {
InferResult Infer(const Resize& op, const InferContext& context) {
  DECAL_TRY(RequireInputs(context, 1, "Resize"));
  if (op.mode != ResizeMode::kNearest || op.coordinates == ResizeCoordinates::kTfCropAndResize)
    DECAL_TRY(RequireFloat(context[0].dtype, "Resize"));
  const Shape& input = context[0].shape;
  if (input.elements() == 0) return Fail(ErrorCode::kShapeMismatch, "Resize of an empty " + input.ToString());
  std::vector<TensorView> in = {{nullptr, context[0].dtype, input, {}}};
  for (size_t i = 1; i < 4; ++i) {
    in.emplace_back();
    if (!context.has(i) || context[i].shape.elements() == 0) continue;
    if (context[i].constant == nullptr)
      return Fail(ErrorCode::kUnsupportedOperator, "Resize: scales, sizes or region depend on the picture's contents");
    in.back() = context[i].constant->view();
  }
  DECAL_TRY_ASSIGN(const ResizeParameters parameters, ReadResizeParameters(op, in));
  if (parameters.scales.empty() && parameters.sizes.empty())
    return Fail(ErrorCode::kShapeMismatch, "Resize has neither scales nor sizes");
  DECAL_TRY_ASSIGN(const ResizeAxes axes, AxesOf(op, input, parameters));
  Shape shape = input;
  for (size_t d = 0; d < axes.rank; ++d) shape[d] = axes.axes[d].out;
  int64_t elements = 1;
  for (int64_t extent : shape) {
    if (extent > kMaxTensorElements / elements) return Fail(ErrorCode::kLimitExceeded, "Resize to " + shape.ToString());
    elements *= extent;
  }
  return std::vector<TensorType>{{context[0].dtype, shape}};
}

}  // namespace decal
