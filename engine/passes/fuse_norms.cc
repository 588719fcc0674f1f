// Normalisation out of its elementwise spelling (opsets before LayerNormalization existed, and many exporters):
//
//   x ─┬───────────────────────► Sub ─┬─────────────────────────────────────────────► Div ─► Mul scale ─► Add bias
//      └─► ReduceMean(axes) ──────┘   └─► Pow 2 ─► ReduceMean(axes) ─► Add ε ─► Sqrt ──┘
//
//   axes = the last dimensions   ⇒  LayerNorm(x, scale, bias)                                          Ba 2016
//   axes = 1 of [N,C,H,W]        ⇒  Transpose ─► LayerNorm ─► Transpose (free where memory is channels last)
//   axes = 2, 3 of [N,C,H,W]     ⇒  InstanceNorm(x, scale, bias)                                       Ulyanov 2016
//
// Scale and bias are absorbed in a second walk, so that either may be missing.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "engine/ops/reduce/reduce_axes.h"
#include "engine/passes/passes.h"
#include "engine/passes/pattern.h"

namespace decal {
namespace {

using Axes = std::array<bool, kMaxRank>;

// x and what (x - mean) / sqrt(variance + epsilon) over `axes` needs.
struct Core {
  ValueId x = kNoValue;
  Axes axes{};
  float epsilon = 0;
};

class CoreFinder {
 public:
  explicit CoreFinder(const Graph& graph) : graph_(graph), pattern_(graph) {}

  std::optional<Core> Find(const Node& node) const {
    const std::optional<Core> core = FindSpelling(node);
    // An epsilon or exponent of higher rank would broadcast the result to that rank.
    return core && pattern_.ShapeOf(core->x) == pattern_.ShapeOf(node.outputs[0]) ? core : std::nullopt;
  }

 private:
  std::optional<Core> FindSpelling(const Node& node) const {
    const auto* binary = std::get_if<Binary>(&node.op);
    if (binary == nullptr || !pattern_.IsFloat(node.outputs[0])) return std::nullopt;
    if (binary->kind == BinaryKind::kDiv) return Match(node.inputs[0], Deviation(node.inputs[1]));
    if (binary->kind != BinaryKind::kMul) return std::nullopt;
    for (size_t i : {0, 1})
      if (auto core = Match(node.inputs[1 - i], Reciprocal(node.inputs[i]))) return core;
    return std::nullopt;
  }

  // The variance plus epsilon under a square root, or kNoValue.
  ValueId Deviation(ValueId v) const {
    if (const Node* root = pattern_.Maker(v, UnaryKind::kSqrt)) return root->inputs[0];
    const Node* power = pattern_.Maker(v, BinaryKind::kPow);
    return power != nullptr && pattern_.IsScalar(power->inputs[1], 0.5) ? power->inputs[0] : kNoValue;
  }
  ValueId Reciprocal(ValueId v) const {
    if (const Node* reciprocal = pattern_.Maker(v, UnaryKind::kReciprocal)) return Deviation(reciprocal->inputs[0]);
    if (const Node* div = pattern_.Maker(v, BinaryKind::kDiv); div && pattern_.IsScalar(div->inputs[0], 1))
      return Deviation(div->inputs[1]);
    const Node* power = pattern_.Maker(v, BinaryKind::kPow);
    return power != nullptr && pattern_.IsScalar(power->inputs[1], -0.5) ? power->inputs[0] : kNoValue;
  }

  std::optional<Core> Match(ValueId difference, ValueId shifted_variance) const {
    Core core;
    Axes mean_axes;
    if (!IsDifference(difference, core.x, mean_axes)) return std::nullopt;
    const Node* add = pattern_.Maker(shifted_variance, BinaryKind::kAdd);
    if (add == nullptr) return std::nullopt;
    for (size_t i : {0, 1}) {
      const std::optional<double> epsilon = pattern_.Scalar(add->inputs[i]);
      if (!epsilon || *epsilon < 0 || !MeanOf(add->inputs[1 - i], core.axes) || core.axes != mean_axes) continue;
      core.epsilon = static_cast<float>(*epsilon);
      if (IsSquaredDifference(pattern_.AnyMaker(add->inputs[1 - i])->inputs[0], core.x, mean_axes)) return core;
    }
    return std::nullopt;
  }

  // `v` is a mean that keeps its dimensions; `axes` receives which.
  bool MeanOf(ValueId v, Axes& axes) const {
    const Node* node = pattern_.Maker<Reduce>(v);
    if (node == nullptr) return false;
    const Reduce& reduce = std::get<Reduce>(node->op);
    if (reduce.kind != ReduceKind::kMean || !reduce.keepdims) return false;
    const TensorView x{nullptr, DType::kFloat32, pattern_.ShapeOf(node->inputs[0]), {}};
    TensorView listed;
    if (node->inputs.size() > 1 && node->inputs[1] != kNoValue) {
      if (!graph_.IsConstant(node->inputs[1])) return false;
      listed = graph_.values[node->inputs[1]].constant->view();
    }
    const Result<AxisSet> set = ReducedAxes(reduce, x, listed);
    if (!set) return false;
    axes = set->in;
    return true;
  }

  bool IsDifference(ValueId v, ValueId& x, Axes& axes) const {
    const Node* sub = pattern_.Maker(v, BinaryKind::kSub);
    if (sub == nullptr || !MeanOf(sub->inputs[1], axes)) return false;
    x = sub->inputs[0];
    return pattern_.AnyMaker(sub->inputs[1])->inputs[0] == x;
  }

  bool IsSquaredDifference(ValueId v, ValueId x, const Axes& axes) const {
    ValueId from = kNoValue;
    if (const Node* power = pattern_.Maker(v, BinaryKind::kPow); power && pattern_.IsScalar(power->inputs[1], 2))
      from = power->inputs[0];
    if (const Node* mul = pattern_.Maker(v, BinaryKind::kMul); mul && mul->inputs[0] == mul->inputs[1])
      from = mul->inputs[0];
    ValueId own_x;
    Axes own_axes;
    return from != kNoValue && IsDifference(from, own_x, own_axes) && own_x == x && own_axes == axes;
  }

  const Graph& graph_;
  Pattern pattern_;
};

Result<ValueId> AddVector(Graph& graph, const std::string& name, const std::vector<float>& values, const Shape& shape) {
  DECAL_TRY_ASSIGN(auto tensor, ConstantTensor::Allocate(DType::kFloat32, shape));
  std::copy(values.begin(), values.end(), reinterpret_cast<float*>(tensor->buffer.data()));
  return graph.AddConstant(name, std::move(tensor));
}

// First walk: the core alone becomes a norm with a scale of ones.
Status FuseCores(Graph& graph) {
  const CoreFinder finder(graph);
  std::vector<Node> done;
  std::vector<std::pair<size_t, Core>> found;
  for (size_t n = 0; n < graph.nodes.size(); ++n)
    if (const std::optional<Core> core = finder.Find(graph.nodes[n])) found.emplace_back(n, *core);
  if (found.empty()) return {};
  size_t next = 0;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    Node node = std::move(graph.nodes[n]);
    if (next == found.size() || found[next].first != n) {
      done.push_back(std::move(node));
      continue;
    }
    const Core core = found[next++].second;
    const TensorType type = graph.values[core.x].type;
    const Shape x = *type.shape;
    size_t first = x.rank(), count = 0;
    for (size_t d = x.rank(); d-- > 0;)
      if (core.axes[d]) first = d, ++count;
    const auto ones = [&](const Shape& shape) {
      return AddVector(graph, node.name, std::vector<float>(static_cast<size_t>(shape.elements()), 1.0f), shape);
    };
    if (count > 0 && first + count == x.rank()) {
      const bool spatial = x.rank() == 4 && first == 2;
      Shape normalized;
      for (size_t d = first; d < x.rank(); ++d) normalized.push_back(x[d]);
      DECAL_TRY_ASSIGN(const ValueId scale, ones(spatial ? Shape{x[1]} : normalized));
      if (spatial) {
        DECAL_TRY_ASSIGN(const ValueId bias,
                         AddVector(graph, node.name, std::vector<float>(static_cast<size_t>(x[1]), 0.0f), {x[1]}));
        node.op = InstanceNorm{core.epsilon};
        node.inputs = {core.x, scale, bias};
      } else {
        node.op = LayerNorm{static_cast<int64_t>(first), core.epsilon};
        node.inputs = {core.x, scale, kNoValue};
      }
    } else if (count == 1 && first == 1 && x.rank() == 4) {
      DECAL_TRY_ASSIGN(const ValueId scale, ones({x[1]}));
      const TensorType pixels{type.dtype, Shape{x[0], x[2], x[3], x[1]}};
      const ValueId turned = graph.AddValue(node.name, pixels), normalized = graph.AddValue(node.name, pixels);
      done.push_back(Node{Transpose{{0, 2, 3, 1}}, node.name, {core.x}, {turned}});
      done.push_back(Node{LayerNorm{-1, core.epsilon}, node.name, {turned, scale, kNoValue}, {normalized}});
      node.op = Transpose{{0, 3, 1, 2}};
      node.inputs = {normalized};
    }
    done.push_back(std::move(node));
  }
  graph.nodes = std::move(done);
  return {};
}

// Second walk: a multiplication or addition of constants behind a norm moves into its scale and bias.
class AffineAbsorber {
 public:
  explicit AffineAbsorber(Graph& graph)
      : graph_(graph), pattern_(graph), uses_(UseCounts(graph)), erase_(graph.nodes.size(), false) {}

  Status Run() {
    renamed_.resize(graph_.values.size());
    for (ValueId v = 0; v < renamed_.size(); ++v) renamed_[v] = v;
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      Node& node = graph_.nodes[n];
      for (ValueId& v : node.inputs)
        if (v != kNoValue) v = renamed_[v];
      const auto* binary = std::get_if<Binary>(&node.op);
      if (binary == nullptr || (binary->kind != BinaryKind::kMul && binary->kind != BinaryKind::kAdd)) continue;
      for (size_t i : {0, 1}) {
        DECAL_TRY_ASSIGN(const bool absorbed,
                         Absorb(node.inputs[1 - i], node.inputs[i], binary->kind, node.outputs[0]));
        if (!absorbed) continue;
        renamed_[node.outputs[0]] = node.inputs[1 - i];
        uses_[node.inputs[1 - i]] = uses_[node.outputs[0]];
        erase_[n] = true;
        break;
      }
    }
    for (ValueId& v : graph_.outputs) v = renamed_[v];
    EraseNodes(graph_, erase_);
    return {};
  }

 private:
  Result<bool> Absorb(ValueId normalized, ValueId operand, BinaryKind kind, ValueId out) {
    if (!graph_.IsConstant(operand) || graph_.values[operand].constant->dtype != DType::kFloat32) return false;
    if (uses_[normalized] != 1 || !(pattern_.ShapeOf(normalized) == pattern_.ShapeOf(out))) return false;
    // Where the norm's parameters lie in the operand's dimensions.
    const Shape& shape = pattern_.ShapeOf(normalized);
    size_t first = 0, last = 0;
    const Node* norm = pattern_.AnyMaker(normalized);
    if (norm == nullptr) return false;
    if (const auto* turn = std::get_if<Transpose>(&norm->op); turn && turn->perm == Dims{0, 3, 1, 2}) {
      norm = pattern_.Maker<LayerNorm>(norm->inputs[0]);
      if (norm == nullptr || std::get<LayerNorm>(norm->op).axis != -1 || !pattern_.UsedOnce(norm->outputs[0]))
        return false;
      first = 1, last = 2;
    } else if (const auto* layer = std::get_if<LayerNorm>(&norm->op)) {
      const Result<size_t> axis = NormalizeAxis(layer->axis, shape.rank());
      if (!axis || norm->outputs.size() != 1) return false;
      first = *axis, last = shape.rank();
    } else if (std::holds_alternative<InstanceNorm>(norm->op)) {
      first = 1, last = 2;
    } else {
      return false;
    }
    const ConstantTensor& constant = *graph_.values[operand].constant;
    if (constant.shape.rank() > shape.rank()) return false;
    const size_t lead = shape.rank() - constant.shape.rank();
    for (size_t d = 0; d < constant.shape.rank(); ++d) {
      const bool inside = d + lead >= first && d + lead < last;
      if (constant.shape[d] != 1 && (!inside || constant.shape[d] != shape[d + lead])) return false;
    }
    return Rescale(const_cast<Node&>(*norm), constant, kind, first, last, shape);
  }

  // scale, bias = op(scale, c), op(bias, c), each with the parameters' full shape.
  Result<bool> Rescale(Node& norm, const ConstantTensor& constant, BinaryKind kind, size_t first, size_t last,
                       const Shape& shape) {
    Shape parameters;
    for (size_t d = first; d < last; ++d) parameters.push_back(shape[d]);
    const auto values_of = [&](const ConstantTensor& tensor) {
      // The operand's own leading and trailing ones fall away; what is left broadcasts to the parameters.
      TensorView view = tensor.view();
      Shape kept;
      for (size_t d = 0; d < view.shape.rank(); ++d) {
        const size_t place = shape.rank() - view.shape.rank() + d;
        if (place >= first && place < last) kept.push_back(view.shape[d]);
      }
      view.shape = kept;
      view.strides = DenseStrides(kept, Layout::kRowMajor);
      const TensorView spread = BroadcastTo(view, parameters);
      std::vector<float> values;
      for (StridedIndex<1> i(parameters, {spread.strides}); i.valid(); i.Next())
        values.push_back(spread.as<float>()[i.offset(0)]);
      return values;
    };
    const auto parameter = [&](ValueId v) {
      if (v == kNoValue) return std::vector<float>(static_cast<size_t>(parameters.elements()), 0.0f);
      const float* data = graph_.values[v].constant->view().as<float>();
      return std::vector<float>(data, data + parameters.elements());
    };
    const ValueId scale_id = norm.inputs[1], bias_id = norm.inputs.size() > 2 ? norm.inputs[2] : kNoValue;
    for (ValueId v : {scale_id, bias_id})
      if (v != kNoValue && (!graph_.IsConstant(v) || graph_.values[v].constant->buffer.data() == nullptr ||
                            graph_.values[v].constant->dtype != DType::kFloat32 ||
                            graph_.values[v].constant->shape.elements() != parameters.elements()))
        return false;
    const std::vector<float> operand = values_of(constant);
    std::vector<float> scale = parameter(scale_id), bias = parameter(bias_id);
    for (size_t i = 0; i < operand.size(); ++i) {
      if (kind == BinaryKind::kMul) scale[i] *= operand[i], bias[i] *= operand[i];
      else bias[i] += operand[i];
    }
    const std::string name = norm.name;
    norm.inputs.resize(3, kNoValue);
    if (kind == BinaryKind::kMul) {
      DECAL_TRY_ASSIGN(norm.inputs[1], AddVector(graph_, name, scale, parameters));
    }
    if (kind == BinaryKind::kAdd || bias_id != kNoValue) {
      DECAL_TRY_ASSIGN(norm.inputs[2], AddVector(graph_, name, bias, parameters));
    }
    return true;
  }

  Graph& graph_;
  Pattern pattern_;
  std::vector<uint32_t> uses_;
  std::vector<bool> erase_;
  std::vector<ValueId> renamed_;
};

}  // namespace

Status FuseNorms(Graph& graph) {
  DECAL_TRY(FuseCores(graph));
  DECAL_TRY(AffineAbsorber(graph).Run());
  return EliminateDead(graph);
}

}  // namespace decal
