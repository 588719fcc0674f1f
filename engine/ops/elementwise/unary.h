// Unary operators by kind, and their scalar definition.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>

namespace decal {

enum class UnaryKind : uint8_t {
  kAbs,
  kNeg,
  kSqrt,
  kExp,
  kLog,
  kReciprocal,
  kFloor,
  kCeil,
  kRound,
  kErf,
  kTanh,
  kSigmoid,
  kRelu,
  kLeakyRelu,    // alpha: slope below zero
  kElu,          // alpha
  kHardSigmoid,  // max(0, min(1, alpha * x + beta))
  kHardSwish,    // x * HardSigmoid(x; 1/6, 1/2)
  kSoftplus,
  kGelu,         // exact, through erf
  kGeluTanh,     // through tanh
  kSign,
  kClip,         // min(max(x, alpha), beta)
  kNot,
};

struct Unary {
  UnaryKind kind;
  float alpha = 0;
  float beta = 0;
};

// The specification. NaN propagates through every kind, so comparisons are written to fall through on it.
inline double ApplyActivation(const Unary& a, double x) {
  const auto clip = [](double v, double lo, double hi) {
    const double raised = v < lo ? lo : v;
    return raised > hi ? hi : raised;
  };
  switch (a.kind) {
    case UnaryKind::kAbs: return std::fabs(x);
    case UnaryKind::kNeg: return -x;
    case UnaryKind::kSqrt: return std::sqrt(x);
    case UnaryKind::kExp: return std::exp(x);
    case UnaryKind::kLog: return std::log(x);
    case UnaryKind::kReciprocal: return 1.0 / x;
    case UnaryKind::kFloor: return std::floor(x);
    case UnaryKind::kCeil: return std::ceil(x);
    case UnaryKind::kRound: return std::nearbyint(x);  // half to even
    case UnaryKind::kErf: return std::erf(x);
    case UnaryKind::kTanh: return std::tanh(x);
    case UnaryKind::kSigmoid: return 1.0 / (1.0 + std::exp(-x));
    case UnaryKind::kRelu: return x < 0.0 ? 0.0 : x;
    case UnaryKind::kLeakyRelu: return x < 0.0 ? a.alpha * x : x;
    case UnaryKind::kElu: return x < 0.0 ? a.alpha * std::expm1(x) : x;
    case UnaryKind::kHardSigmoid: return clip(a.alpha * x + a.beta, 0.0, 1.0);
    case UnaryKind::kHardSwish: return x * clip(x * (1.0 / 6.0) + 0.5, 0.0, 1.0);
    case UnaryKind::kSoftplus: return (x < 0.0 ? 0.0 : x) + std::log1p(std::exp(-std::fabs(x)));
    case UnaryKind::kGelu: return 0.5 * x * (1.0 + std::erf(x * 0.7071067811865476));
    case UnaryKind::kGeluTanh:
      return 0.5 * x * (1.0 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));  // sqrt(2 / pi)
    case UnaryKind::kSign: return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x;
    case UnaryKind::kClip: return clip(x, a.alpha, a.beta);
    case UnaryKind::kNot: return x == 0.0 ? 1.0 : 0.0;
  }
  return x;
}

}  // namespace decal
