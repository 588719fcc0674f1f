// Activations in WGSL.
// SPDX-License-Identifier: MIT
#include <bit>
#include <cmath>

#include "engine/gpu/request.h"

namespace decal {
namespace {

constexpr const char kFunctions[] =
#include "engine/gpu/templates/activation.wgsl.inc"
    ;

// A WGSL constant, by its bits: shorter than printing floats, and exact. Values that WGSL refuses (infinite clip
// bounds) become the largest float.
std::string Literal(float value) {
  constexpr float kLargest = 3.40282346e38f;
  if (std::isnan(value)) value = 0;
  value = std::fmin(std::fmax(value, -kLargest), kLargest);
  return "vec4f(bitcast<f32>(" + std::to_string(std::bit_cast<uint32_t>(value)) + "u))";
}

std::string Expression(const Unary& unary) {
  const std::string alpha = Literal(unary.alpha), beta = Literal(unary.beta);
  switch (unary.kind) {
    case UnaryKind::kAbs: return "abs(v)";
    case UnaryKind::kNeg: return "-v";
    case UnaryKind::kSqrt: return "sqrt(v)";
    case UnaryKind::kExp: return "exp(v)";
    case UnaryKind::kLog: return "log(v)";
    case UnaryKind::kReciprocal: return "1.0 / v";
    case UnaryKind::kFloor: return "floor(v)";
    case UnaryKind::kCeil: return "ceil(v)";
    case UnaryKind::kRound: return "round(v)";
    case UnaryKind::kErf: return "erf4(v)";
    case UnaryKind::kTanh: return "tanh4(v)";
    case UnaryKind::kSigmoid: return "sigmoid4(v)";
    case UnaryKind::kRelu: return "max(v, vec4f(0.0))";
    case UnaryKind::kLeakyRelu: return "select(v * " + alpha + ", v, v >= vec4f(0.0))";
    case UnaryKind::kElu: return "select(" + alpha + " * (exp(min(v, vec4f(0.0))) - 1.0), v, v >= vec4f(0.0))";
    case UnaryKind::kHardSigmoid: return "clamp(" + alpha + " * v + " + beta + ", vec4f(0.0), vec4f(1.0))";
    case UnaryKind::kHardSwish: return "v * clamp(v / 6.0 + 0.5, vec4f(0.0), vec4f(1.0))";
    case UnaryKind::kSoftplus: return "max(v, vec4f(0.0)) + log(1.0 + exp(-abs(v)))";
    case UnaryKind::kGelu: return "0.5 * v * (1.0 + erf4(v * 0.70710678))";
    case UnaryKind::kGeluTanh: return "0.5 * v * (1.0 + tanh4(0.79788456 * (v + 0.044715 * v * v * v)))";
    case UnaryKind::kSign: return "sign(v)";
    case UnaryKind::kClip: return "min(max(v, " + alpha + "), " + beta + ")";
    case UnaryKind::kNot: break;  // of truth values, which never come here
  }
  return "v";
}

}  // namespace

std::string ActivationWgsl(const std::optional<Unary>& activation) {
  const std::string body = activation ? Expression(*activation) : "v";
  bool needs_functions = false;
  for (const char* name : {"erf4(", "tanh4(", "sigmoid4("}) needs_functions |= body.find(name) != std::string::npos;
  return (needs_functions ? std::string(kFunctions) : std::string()) + "fn activate(v: vec4f) -> vec4f { return " +
         body + "; }\n";
}

}  // namespace decal
