// Activations by value: their scalar definition, and the vectorised loop over a run of floats.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace decal::cpu {

// The members of UnaryKind that map floats to floats, in its order.
enum class Activation : uint8_t {
  kAbs, kNeg, kSqrt, kExp, kLog, kReciprocal, kFloor, kCeil, kRound, kErf, kTanh, kSigmoid, kRelu,
  kLeakyRelu, kElu, kHardSigmoid, kHardSwish, kSoftplus, kGelu, kGeluTanh,
  kSign, kClip,
};

struct ActivationParams {
  Activation kind = Activation::kRelu;
  float alpha = 0;
  float beta = 0;
};

// The specification. NaN propagates through every kind, so comparisons are written to fall through on it.
inline double ApplyActivation(const ActivationParams& a, double x) {
  const auto clip = [](double v, double lo, double hi) {
    const double raised = v < lo ? lo : v;
    return raised > hi ? hi : raised;
  };
  switch (a.kind) {
    case Activation::kAbs: return std::fabs(x);
    case Activation::kNeg: return -x;
    case Activation::kSqrt: return std::sqrt(x);
    case Activation::kExp: return std::exp(x);
    case Activation::kLog: return std::log(x);
    case Activation::kReciprocal: return 1.0 / x;
    case Activation::kFloor: return std::floor(x);
    case Activation::kCeil: return std::ceil(x);
    case Activation::kRound: return std::nearbyint(x);  // half to even
    case Activation::kErf: return std::erf(x);
    case Activation::kTanh: return std::tanh(x);
    case Activation::kSigmoid: return 1.0 / (1.0 + std::exp(-x));
    case Activation::kRelu: return x < 0.0 ? 0.0 : x;
    case Activation::kLeakyRelu: return x < 0.0 ? a.alpha * x : x;
    case Activation::kElu: return x < 0.0 ? a.alpha * std::expm1(x) : x;
    case Activation::kHardSigmoid: return clip(a.alpha * x + a.beta, 0.0, 1.0);
    case Activation::kHardSwish: return x * clip(x * (1.0 / 6.0) + 0.5, 0.0, 1.0);
    case Activation::kSoftplus: return (x < 0.0 ? 0.0 : x) + std::log1p(std::exp(-std::fabs(x)));
    case Activation::kGelu: return 0.5 * x * (1.0 + std::erf(x * 0.7071067811865476));
    case Activation::kGeluTanh:
      return 0.5 * x * (1.0 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));  // sqrt(2 / pi)
    case Activation::kSign: return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x;
    case Activation::kClip: return clip(x, a.alpha, a.beta);
  }
  return x;
}

// dst[i] = activation(src[i]); dst may be src. Within 1e-6 of ApplyActivation, relative to the larger of its
// value and the largest intermediate (1 + erf in GELU, for example).
void ActivateRun(const ActivationParams& activation, const float* src, float* dst, size_t n);

}  // namespace decal::cpu
