// The fused epilogue as operators see it: where its inputs stand, its shape rule, its scalar definition and its
// form for the SIMD layer.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "engine/ops/elementwise/unary.h"
#include "engine/ops/shape_rule.h"

namespace decal {

// What a convolution or matrix product does with its sums before it stores them:
//   y = sum + bias;  if (residual == kBeforeActivation) y += r;  y = activation(y);
//   if (residual == kAfterActivation) y += r
// The operator's own inputs come first (an absent bias is kNoValue), then the PRelu slope if
// `prelu_slope`, then the residual. The residual has exactly the output's shape; the slope is one
// element per output channel.
struct Epilogue {
  enum class Residual : uint8_t { kNone, kBeforeActivation, kAfterActivation };
  std::optional<Unary> activation;  // set by fusion; any UnaryKind but kNot
  bool prelu_slope = false;         // activation is PRelu; excludes `activation`
  Residual residual = Residual::kNone;

  bool empty() const { return !activation && !prelu_slope && residual == Residual::kNone; }
  size_t extra_inputs() const { return (prelu_slope ? 1 : 0) + (residual != Residual::kNone ? 1 : 0); }
};

// Positions of the epilogue's inputs behind the operator's `own` inputs; an input that is not there is kAbsent.
struct EpilogueInputs {
  static constexpr size_t kAbsent = SIZE_MAX;
  size_t slope = kAbsent;
  size_t residual = kAbsent;

  EpilogueInputs(const Epilogue& epilogue, size_t own) {
    if (epilogue.prelu_slope) slope = own++;
    if (epilogue.residual != Epilogue::Residual::kNone) residual = own;
  }
};

// Bias (input `bias`, may be absent) and slope: one element per channel; residual: the output's shape. The
// epilogue's inputs stand behind the operator's `own`.
Status CheckEpilogue(const Epilogue& epilogue, const InferContext& context, size_t bias, size_t own, int64_t channels,
                     const Shape& out);

// The specification for one element.
inline float ApplyEpilogue(const Epilogue& epilogue, double sum, float bias, float slope, float residual) {
  float y = static_cast<float>(sum + bias);
  if (epilogue.residual == Epilogue::Residual::kBeforeActivation) y += residual;
  if (epilogue.activation) y = static_cast<float>(ApplyActivation(*epilogue.activation, y));
  if (epilogue.prelu_slope) y = y < 0.0f ? y * slope : y;
  if (epilogue.residual == Epilogue::Residual::kAfterActivation) y += residual;
  return y;
}

// Element i of a bias or slope, whatever its rank: [M], [M,1,1] and the like; 0 if it is absent.
float PerChannel(const TensorView& vector, int64_t i);

}  // namespace decal
