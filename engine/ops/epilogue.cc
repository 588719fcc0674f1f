// Shape rule of the fused epilogue and its form for the SIMD layer.
// SPDX-License-Identifier: MIT
#include "engine/ops/epilogue.h"

namespace decal {
namespace {

Status CheckPerChannel(const InferContext& context, size_t input, int64_t channels, const char* what) {
  if (!context.has(input)) return Fail(ErrorCode::kShapeMismatch, std::string("input '") + what + "' is missing");
  if (context[input].dtype != DType::kFloat32)
    return Fail(ErrorCode::kUnsupportedOperator, std::string(what) + " of type " + Name(context[input].dtype));
  const Shape& shape = context[input].shape;
  if (shape.elements() != channels)
    return Fail(ErrorCode::kShapeMismatch,
                std::string(what) + " " + shape.ToString() + " for " + std::to_string(channels) + " channels");
  return {};
}

}  // namespace

Status CheckEpilogue(const Epilogue& epilogue, const InferContext& context, size_t bias, size_t own, int64_t channels,
                     const Shape& out) {
  if (context.has(bias)) DECAL_TRY(CheckPerChannel(context, bias, channels, "bias"));
  const EpilogueInputs inputs(epilogue, own);
  if (inputs.slope != EpilogueInputs::kAbsent) DECAL_TRY(CheckPerChannel(context, inputs.slope, channels, "slope"));
  if (inputs.residual != EpilogueInputs::kAbsent) {
    if (!context.has(inputs.residual)) return Fail(ErrorCode::kShapeMismatch, "input 'residual' is missing");
    if (!(context[inputs.residual].shape == out))
      return Fail(ErrorCode::kShapeMismatch,
                  "residual " + context[inputs.residual].shape.ToString() + " for an output of " + out.ToString());
  }
  return {};
}

float PerChannel(const TensorView& vector, int64_t i) {
  if (!vector.present()) return 0;
  for (size_t d = 0; d < vector.shape.rank(); ++d)
    if (vector.shape[d] != 1) return vector.as<float>()[i * vector.strides[d]];
  return vector.as<float>()[0];
}

}  // namespace decal
