// Activations out of the spellings that exporters use; each row is the product it is recognised by, whatever the
// order of its factors and wherever the scalars stand:
//
//   x * (1 + Erf(x / √2)) * 1/2                                  ⇒  Gelu(x)        Hendrycks 2016
//   x * (1 + Tanh(√(2/π) * (x + 0.044715 * x³))) * 1/2           ⇒  GeluTanh(x)
//   x * Clip(x + 3, 0, 6) * 1/6,   x * HardSigmoid(x; 1/6, 1/2)  ⇒  HardSwish(x)   Howard 2019
//
// One operator instead of four to eight passes over memory, and an activation that fits a product's epilogue.
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
      if (const Node* erf = pattern_.Maker(inner, UnaryKind::kErf);
          erf && IsMultipleOf(erf->inputs[0], x, std::numbers::sqrt2 / 2))
        return UnaryKind::kGelu;
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

  // v == factor * x
  bool IsMultipleOf(ValueId v, ValueId x, double factor) const {
    const Node* node = pattern_.AnyMaker(v);
    if (node == nullptr) return false;
    const Pattern::Product product = pattern_.Factors(*node);
    return product.factors.size() == 1 && product.factors[0] == x && Near(product.scale, factor);
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
