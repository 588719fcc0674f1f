// Norms of some channels become one with those of the others, and with the limits behind them:
//
//   x ─┬─► Strided(channels [0, k)) ─► BatchNorm ────┬─► Concat   ⇒  InstanceNorm{first = k}(x)        Pan 2018
//      └─► Strided(channels [k, C)) ─► InstanceNorm ─┘
//   InstanceNorm ─► Relu or Clip                                  ⇒  InstanceNorm{low, high}
//
// in any order and number, as long as the normalised channels are neighbours. One pass over the map scales, instead of
// three.
// SPDX-License-Identifier: MIT
#include <cmath>

#include "engine/passes/passes.h"
#include "engine/passes/pattern.h"

namespace decal {
namespace {

// The channels [first, first + count) of x: what a Strided that takes nothing but them says.
struct ChannelSlice {
  ValueId x = kNoValue;
  int64_t first = 0, count = 0;
};

class NormFuser {
 public:
  explicit NormFuser(Graph& graph) : graph_(graph), pattern_(graph) {}

  Status Run() {
    for (Node& node : graph_.nodes) {
      if (const auto* concat = std::get_if<Concat>(&node.op); concat != nullptr && concat->axis == 1) {
        DECAL_TRY(FuseParts(node));
      } else if (const auto* unary = std::get_if<Unary>(&node.op)) {
        FuseLimits(node, *unary);
      }
    }
    return {};
  }

 private:
  std::optional<ChannelSlice> SliceOf(ValueId v) const {
    const Node* node = pattern_.Maker<Strided>(v);
    if (node == nullptr) return std::nullopt;
    const Strided& strided = std::get<Strided>(node->op);
    const Shape& x = pattern_.ShapeOf(node->inputs[0]);
    if (x.rank() != 4 || strided.shape.rank() != 4) return std::nullopt;
    std::vector<Strided::Digit> digits;
    for (size_t d = 0; d < 4; ++d) {
      if (d != 1 && (strided.shape[d] != x[d] || strided.start[d] != 0)) return std::nullopt;
      if (strided.shape[d] != 1) digits.push_back({strided.shape[d], d, 1});
    }
    if (strided.digits != digits) return std::nullopt;
    return ChannelSlice{node->inputs[0], strided.start[1], strided.shape[1]};
  }

  // Float constants with an element for each channel.
  bool AreKnown(const Node& norm, size_t inputs, int64_t channels) const {
    if (norm.inputs.size() != inputs) return false;
    for (size_t i = 1; i < inputs; ++i) {
      if (!graph_.IsConstant(norm.inputs[i])) return false;
      const ConstantTensor& constant = *graph_.values[norm.inputs[i]].constant;
      if (constant.dtype != DType::kFloat32 || constant.shape.elements() != channels) return false;
    }
    return true;
  }
  const float* Data(const Node& norm, size_t i) const {
    return graph_.values[norm.inputs[i]].constant->view().as<float>();
  }

  // Appends the scale and shift of one part of a Concat, and whether it is normalised; false: it is no such part.
  bool AddPart(const Node& norm, const ChannelSlice& slice, InstanceNorm& op, std::vector<float>& scale,
               std::vector<float>& shift) const {
    if (const auto* batch = std::get_if<BatchNorm>(&norm.op)) {
      if (batch->training || !AreKnown(norm, 5, slice.count)) return false;
      const float *gain = Data(norm, 1), *bias = Data(norm, 2), *mean = Data(norm, 3), *variance = Data(norm, 4);
      for (int64_t c = 0; c < slice.count; ++c) {
        const double factor = gain[c] / std::sqrt(double{variance[c]} + batch->epsilon);
        scale.push_back(static_cast<float>(factor));
        shift.push_back(static_cast<float>(bias[c] - mean[c] * factor));
      }
      return true;
    }
    const auto* instance = std::get_if<InstanceNorm>(&norm.op);
    const InstanceNorm whole{instance ? instance->epsilon : 0};
    if (instance == nullptr || instance->first != whole.first || instance->end < slice.count ||
        instance->low != whole.low || instance->high != whole.high || !AreKnown(norm, 3, slice.count))
      return false;
    const bool first = op.end == 0;
    if (!first && (op.end != slice.first || op.epsilon != instance->epsilon)) return false;
    if (first) op.first = slice.first;
    op.epsilon = instance->epsilon;
    op.end = slice.first + slice.count;
    scale.insert(scale.end(), Data(norm, 1), Data(norm, 1) + slice.count);
    shift.insert(shift.end(), Data(norm, 2), Data(norm, 2) + slice.count);
    return true;
  }

  Status FuseParts(Node& concat) {
    InstanceNorm op;
    op.end = 0;
    ValueId x = kNoValue;
    std::vector<float> scale, shift;
    for (const ValueId v : concat.inputs) {
      const Node* norm = v == kNoValue || !pattern_.UsedOnce(v) ? nullptr : pattern_.AnyMaker(v);
      if (norm == nullptr || norm->outputs.size() != 1 || norm->inputs.empty()) return {};
      const std::optional<ChannelSlice> slice = SliceOf(norm->inputs[0]);
      if (!slice || !pattern_.IsFloat(v) || slice->first != static_cast<int64_t>(scale.size())) return {};
      if (x != kNoValue && x != slice->x) return {};
      x = slice->x;
      if (!AddPart(*norm, *slice, op, scale, shift)) return {};
    }
    if (op.end == 0 || !(pattern_.ShapeOf(x) == pattern_.ShapeOf(concat.outputs[0]))) return {};
    DECAL_TRY_ASSIGN(const ValueId scales, AddVector(concat.name, scale));
    DECAL_TRY_ASSIGN(const ValueId shifts, AddVector(concat.name, shift));
    concat.op = op;
    concat.inputs = {x, scales, shifts};
    return {};
  }

  Result<ValueId> AddVector(const std::string& name, const std::vector<float>& values) {
    DECAL_TRY_ASSIGN(auto tensor,
                     ConstantTensor::Allocate(DType::kFloat32, Shape{static_cast<int64_t>(values.size())}));
    std::copy(values.begin(), values.end(), reinterpret_cast<float*>(tensor->buffer.data()));
    return graph_.AddConstant(name, std::move(tensor));
  }

  void FuseLimits(Node& node, const Unary& unary) {
    if (unary.kind != UnaryKind::kRelu && unary.kind != UnaryKind::kClip) return;
    const ValueId v = node.inputs[0];
    const Node* norm = v == kNoValue || !pattern_.UsedOnce(v) ? nullptr : pattern_.Maker<InstanceNorm>(v);
    if (norm == nullptr || !pattern_.IsFloat(v)) return;
    InstanceNorm op = std::get<InstanceNorm>(norm->op);
    const InstanceNorm unlimited;
    if (op.low != unlimited.low || op.high != unlimited.high) return;
    op.low = unary.kind == UnaryKind::kRelu ? 0.0f : unary.alpha;
    if (unary.kind == UnaryKind::kClip) op.high = unary.beta;
    const std::vector<ValueId> inputs = norm->inputs;
    node.op = op;
    node.inputs = inputs;
  }

  Graph& graph_;
  Pattern pattern_;
};

}  // namespace

Status FuseInstanceNorms(Graph& graph) { return NormFuser(graph).Run(); }

}  // namespace decal
