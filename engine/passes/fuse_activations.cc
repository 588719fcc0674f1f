// Recognises activations that exporters write as several operators. Each row is a pattern; the order of its factors and the
// positions of scalars do not matter:
//
//   x * (1 + Erf(x / √2)) * 1/2                                  ⇒  Gelu(x)        Hendrycks 2016
//   x * (1 + Tanh(√(2/π) * (x + 0.044715 * x³))) * 1/2           ⇒  GeluTanh(x)
//   x * (1 + Tanh(√(2/π) * x * (1 + 0.044715 * x²))) * 1/2       ⇒  GeluTanh(x)
//   x * Clip(x + 3, 0, 6) * 1/6,   x * HardSigmoid(x; 1/6, 1/2)  ⇒  HardSwish(x)   Howard 2019
//
// One operator instead of four to eight passes over memory, and an activation that can become the epilogue of a convolution.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <numbers>

#include "engine/passes/passes.h"
#include "engine/passes/pattern.h"

namespace decal {
namespace {

class ActivationFuser {
 public:
  explicit ActivationFuser(Graph& graph) : graph_(graph), pattern_(graph) {}

  void Run() {
    for (Node& node : graph_.nodes) {
      const auto* binary = std::get_if<Binary>(&node.op);
      if (binary == nullptr || (binary->kind != BinaryKind::kMul && binary->kind != BinaryKind::kDiv)) continue;
      if (!pattern_.IsFloat(node.outputs[0])) continue;
      const Pattern::Product product = pattern_.Factors(node);
      if (product.factors.size() != 2) continue;
      for (size_t gate : {0, 1}) {
        const ValueId x = product.factors[1 - gate];
        const std::optional<UnaryKind> kind = KindOf(x, product.factors[gate], product.scale);
        if (!kind || !(pattern_.ShapeOf(x) == pattern_.ShapeOf(node.outputs[0]))) continue;
        node.op = Unary{*kind};
        node.inputs = {x};
        break;
      }
    }
  }

 private:
  static bool Near(double a, double b) { return std::abs(a - b) <= 1e-5 * std::abs(b); }

  std::optional<UnaryKind> KindOf(ValueId x, ValueId gate, double scale) const {
    if (Near(scale, 0.5)) {
      const ValueId inner = pattern_.Beside(pattern_.Maker(gate, BinaryKind::kAdd), 1);
      const Node* erf = pattern_.Maker(inner, UnaryKind::kErf);
      if (erf != nullptr && IsMonomial(erf->inputs[0], x, 1, std::numbers::sqrt2 / 2)) return UnaryKind::kGelu;
      const Node* tanh = pattern_.Maker(inner, UnaryKind::kTanh);
      if (tanh != nullptr && IsTanhAngle(tanh->inputs[0], x)) return UnaryKind::kGeluTanh;
    }
    if (Near(scale, 1.0 / 6)) {
      const Node* clip = pattern_.Maker(gate, UnaryKind::kClip);
      if (clip == nullptr) return std::nullopt;
      const Unary& bounds = std::get<Unary>(clip->op);
      if (bounds.alpha == 0 && bounds.beta == 6 &&
          pattern_.Beside(pattern_.Maker(clip->inputs[0], BinaryKind::kAdd), 3) == x)
        return UnaryKind::kHardSwish;
    }
    if (Near(scale, 1)) {
      const Node* sigmoid = pattern_.Maker(gate, UnaryKind::kHardSigmoid);
      if (sigmoid == nullptr || sigmoid->inputs[0] != x) return std::nullopt;
      const Unary& line = std::get<Unary>(sigmoid->op);
      if (Near(line.alpha, 1.0 / 6) && Near(line.beta, 0.5)) return UnaryKind::kHardSwish;
    }
    return std::nullopt;
  }

  // v == sqrt(2 / pi) * (x + 0.044715 * x^3), or with x taken out of the sum
  bool IsTanhAngle(ValueId v, ValueId x) const {
    const Node* node = pattern_.AnyMaker(v);
    if (node == nullptr) return false;
    const Pattern::Product product = pattern_.Factors(*node);
    const double cubic = 0.044715, factor = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
    if (!Near(product.scale, factor)) return false;
    if (product.factors.size() == 1) {
      const Node* sum = pattern_.Maker(product.factors[0], BinaryKind::kAdd);
      if (sum == nullptr) return false;
      for (size_t i : {0, 1})
        if (sum->inputs[i] == x && IsMonomial(sum->inputs[1 - i], x, 3, cubic)) return true;
    } else if (product.factors.size() == 2) {
      for (size_t i : {0, 1}) {
        if (product.factors[i] != x) continue;
        const ValueId square = pattern_.Beside(pattern_.Maker(product.factors[1 - i], BinaryKind::kAdd), 1);
        if (IsMonomial(square, x, 2, cubic)) return true;
      }
    }
    return false;
  }

  // v == factor * x^degree
  bool IsMonomial(ValueId v, ValueId x, int degree, double factor) const {
    const Node* node = pattern_.AnyMaker(v);
    if (node == nullptr) return false;
    const Pattern::Product product = pattern_.Factors(*node);
    if (!Near(product.scale, factor)) return false;
    for (ValueId f : product.factors) {
      const Node* power = pattern_.Maker(f, BinaryKind::kPow);
      if (f == x) degree -= 1;
      else if (power != nullptr && power->inputs[0] == x && pattern_.IsScalar(power->inputs[1], 2)) degree -= 2;
      else if (power != nullptr && power->inputs[0] == x && pattern_.IsScalar(power->inputs[1], 3)) degree -= 3;
      else return false;
    }
    return degree == 0;
  }

  Graph& graph_;
  Pattern pattern_;
};

}  // namespace

Status FuseActivations(Graph& graph) {
  ActivationFuser(graph).Run();
  return EliminateDead(graph);
}

}  // namespace decal
