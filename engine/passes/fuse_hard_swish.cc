// Hard-swish (Howard 2019, MobileNetV3) out of the spelling that TensorFlow exports use:
//
//   x ─┬─► Add 3 ─► Clip 0..6 ─► Mul 1/6 ─► Mul ─► y   ⇒   HardSwish(x)
//      └────────────────────────────────────┘
//
// One operator instead of four passes over memory, and an activation that fits a product's epilogue.
#include <cmath>
#include <optional>

#include "engine/passes/passes.h"

namespace decal {
namespace {

class HardSwishFuser {
 public:
  explicit HardSwishFuser(Graph& graph) : graph_(graph), producers_(Producers(graph)), uses_(UseCounts(graph)) {}

  void Run() {
    for (Node& node : graph_.nodes) {
      if (!IsBinary(node, BinaryKind::kMul)) continue;
      for (size_t gate : {0, 1}) {
        const ValueId x = node.inputs[1 - gate];
        if (x == kNoValue || graph_.IsConstant(x) || GateInput(node.inputs[gate]) != x) continue;
        node.op = Unary{UnaryKind::kHardSwish};
        node.inputs = {x};
        break;
      }
    }
  }

 private:
  static bool IsBinary(const Node& node, BinaryKind kind) {
    const auto* binary = std::get_if<Binary>(&node.op);
    return binary != nullptr && binary->kind == kind;
  }

  const Node* ProducerOfSingleUse(ValueId v) const {
    return v != kNoValue && producers_[v] >= 0 && uses_[v] == 1 ? &graph_.nodes[static_cast<size_t>(producers_[v])] : nullptr;
  }

  // The other operand of `node` if one is a scalar close to `value`.
  std::optional<ValueId> OtherThan(const Node& node, float value) const {
    for (size_t i : {0, 1}) {
      const ValueId v = node.inputs[i];
      if (!graph_.IsConstant(v) || graph_.values[v].constant->dtype != DType::kFloat32) continue;
      const ConstantTensor& constant = *graph_.values[v].constant;
      if (constant.shape.elements() != 1 || std::abs(*constant.view().as<float>() - value) > 1e-6f) continue;
      // A scalar of higher rank than x would broadcast x to that rank.
      const Value& other = graph_.values[node.inputs[1 - i]];
      if (other.type.shape && constant.shape.rank() <= other.type.shape->rank()) return node.inputs[1 - i];
    }
    return std::nullopt;
  }

  // x if `gate` is Clip(x + 3, 0, 6) / 6 made for one user.
  ValueId GateInput(ValueId gate) const {
    const Node* scale = ProducerOfSingleUse(gate);
    if (scale == nullptr || !IsBinary(*scale, BinaryKind::kMul)) return kNoValue;
    const std::optional<ValueId> clipped = OtherThan(*scale, 1.0f / 6);
    const Node* clip = clipped ? ProducerOfSingleUse(*clipped) : nullptr;
    const auto* unary = clip ? std::get_if<Unary>(&clip->op) : nullptr;
    if (unary == nullptr || unary->kind != UnaryKind::kClip || unary->alpha != 0 || unary->beta != 6) return kNoValue;
    const Node* add = ProducerOfSingleUse(clip->inputs[0]);
    if (add == nullptr || !IsBinary(*add, BinaryKind::kAdd)) return kNoValue;
    return OtherThan(*add, 3).value_or(kNoValue);
  }

  Graph& graph_;
  std::vector<int32_t> producers_;
  std::vector<uint32_t> uses_;
};

}  // namespace

Status FuseHardSwish(Graph& graph) {
  HardSwishFuser(graph).Run();
  return EliminateDead(graph);
}

}  // namespace decal
