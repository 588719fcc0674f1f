// Fuses attention (Vaswani 2017) from its matrix products, so that the whole score matrix never exists:
//
//   q ─► [Mul s] ─┐
//                 ├─► MatMul ─► [Mul s] ─► [Add bias] ─► [Add mask] ─► Softmax ─┐
//   kᵀ ───────────┘                                                             ├─► MatMul ─► y   ⇒  Attention(q, k, v, ..)
//   v ──────────────────────────────────────────────────────────────────────────┘
//
// Scores are [B,H,M,N] or [B,M,N]; a mask may be added through a reshape that splits B (windows of one picture). Bias
// and mask are constants. The Transposes that bring q, k and v to [B,M,H,D] compose with those that made them.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string>

#include "engine/passes/index_map.h"
#include "engine/passes/passes.h"
#include "engine/passes/pattern.h"

namespace decal {
namespace {

class AttentionFuser {
 public:
  explicit AttentionFuser(Graph& graph) : graph_(graph), pattern_(graph) {}

  Status Run() {
    std::vector<Node> done;
    for (const Node& node : graph_.nodes) {
      Match match;
      if (!Find(node, match)) {
        done.push_back(node);
        continue;
      }
      DECAL_TRY(Emit(node, match, done));
    }
    graph_.nodes = std::move(done);
    return {};
  }

 private:
  struct Bias {
    ConstantPtr constant;
    Shape shape;  // [P,G,M,N]
  };
  struct Match {
    ValueId q = kNoValue, k_transposed = kNoValue, v = kNoValue;
    double scale = 1;
    std::vector<Bias> biases;
    int64_t batch = 0, heads = 0, m = 0, n = 0;
  };

  static bool IsPlainProduct(const Node* node) {
    return node != nullptr && std::get<MatMul>(node->op).epilogue.empty() &&
           (node->inputs.size() < 3 || node->inputs[2] == kNoValue);
  }

  bool Find(const Node& node, Match& match) const {
    if (!std::holds_alternative<MatMul>(node.op) || !IsPlainProduct(&node) || !pattern_.IsFloat(node.outputs[0]))
      return false;
    const Node* softmax = pattern_.Maker<Softmax>(node.inputs[0]);
    if (softmax == nullptr || !pattern_.UsedOnce(softmax->outputs[0])) return false;
    const Softmax& op = std::get<Softmax>(softmax->op);
    const Shape scores = pattern_.ShapeOf(softmax->outputs[0]);
    const size_t rank = scores.rank();
    if (op.log || (rank != 3 && rank != 4) || (op.axis != -1 && op.axis != static_cast<int64_t>(rank) - 1))
      return false;
    match.batch = scores[0];
    match.heads = rank == 4 ? scores[1] : 1;
    match.m = scores[rank - 2];
    match.n = scores[rank - 1];
    match.v = node.inputs[1];
    // A product whose factors broadcast against each other is not worth the trouble.
    const auto same_batch = [&](ValueId v) {
      const Shape& shape = pattern_.ShapeOf(v);
      return !graph_.IsConstant(v) && shape.rank() == rank && shape[0] == match.batch &&
             (rank == 3 || shape[1] == match.heads);
    };
    if (!same_batch(match.v)) return false;

    ValueId v = softmax->inputs[0];
    while (pattern_.UsedOnce(v)) {
      if (const Node* product = pattern_.Maker<MatMul>(v)) {
        // Reshapes on the way may not read the scores as others.
        if (!IsPlainProduct(product) || !(pattern_.ShapeOf(v) == scores)) return false;
        match.q = Unscaled(product->inputs[0], match.scale);
        match.k_transposed = Unscaled(product->inputs[1], match.scale);
        return same_batch(match.q) && same_batch(match.k_transposed);
      }
      if (const Node* strided = pattern_.Maker<Strided>(v)) {
        if (!IsReshape(*strided)) return false;
        v = strided->inputs[0];
      } else if (const Node* add = pattern_.Maker(v, BinaryKind::kAdd)) {
        if (match.biases.size() == 2 || !TakeBias(*add, v, match)) return false;
      } else if (const Node* maker = pattern_.AnyMaker(v)) {
        const ValueId unscaled = ScaleInput(*maker, match);
        if (unscaled == kNoValue) return false;
        v = unscaled;
      } else {
        return false;
      }
    }
    return false;
  }

  bool IsReshape(const Node& strided) const {
    const Shape& from = pattern_.ShapeOf(strided.inputs[0]);
    const std::optional<IndexMap> map = IndexMap::Identity(0, from).Reshaped(std::get<Strided>(strided.op).shape);
    if (!map) return false;
    const Strided expected = map->ToStrided();
    return expected.digits == std::get<Strided>(strided.op).digits &&
           expected.start == std::get<Strided>(strided.op).start;
  }

  // What a scalar factor is applied to; the factor joins the scale.
  ValueId ScaleInput(const Node& node, Match& match) const {
    const auto* binary = std::get_if<Binary>(&node.op);
    if (binary == nullptr) return kNoValue;
    for (size_t i : {0, 1}) {
      const std::optional<double> scalar = pattern_.Scalar(node.inputs[i]);
      if (!scalar) continue;
      if (binary->kind == BinaryKind::kMul) match.scale *= *scalar;
      else if (binary->kind == BinaryKind::kDiv && i == 1 && *scalar != 0) match.scale /= *scalar;
      else return kNoValue;
      return node.inputs[1 - i];
    }
    return kNoValue;
  }

  ValueId Unscaled(ValueId v, double& scale) const {
    Match local;
    const Node* maker = pattern_.UsedOnce(v) ? pattern_.AnyMaker(v) : nullptr;
    const ValueId x = maker != nullptr ? ScaleInput(*maker, local) : kNoValue;
    if (x == kNoValue || !(pattern_.ShapeOf(x) == pattern_.ShapeOf(v))) return v;
    scale *= local.scale;
    return x;
  }

  // One operand of `add` is a constant that repeats over the batch in a way Attention knows; `v` receives the other.
  bool TakeBias(const Node& add, ValueId& v, Match& match) const {
    if (match.scale != 1) return false;  // the bias would be scaled as well
    const Shape& sum = pattern_.ShapeOf(add.outputs[0]);
    for (size_t i : {0, 1}) {
      const ValueId operand = add.inputs[i], other = add.inputs[1 - i];
      if (!graph_.IsConstant(operand) || graph_.values[operand].constant->dtype != DType::kFloat32) continue;
      if (!(pattern_.ShapeOf(other) == sum)) continue;
      const ConstantPtr& constant = graph_.values[operand].constant;
      const std::optional<Shape> shape = BiasShape(constant->shape, sum, match);
      if (!shape) continue;
      match.biases.push_back({constant, *shape});
      v = other;
      return true;
    }
    return false;
  }

  // [P,G,M,N] for a constant that broadcasts to scores seen as `sum`, whose leading dimensions multiply up to B.
  std::optional<Shape> BiasShape(const Shape& constant, const Shape& sum, const Match& match) const {
    const size_t rank = sum.rank(), tail = pattern_.ShapeOf(match.v).rank() - 1;  // [H,]M,N
    if (constant.rank() > rank || rank < tail + 1 || constant.rank() < 2) return std::nullopt;
    const auto extent = [&](size_t d) {
      return d + constant.rank() >= rank ? constant[d + constant.rank() - rank] : 1;
    };
    if (sum[rank - 1] != match.n || sum[rank - 2] != match.m || extent(rank - 1) != match.n ||
        extent(rank - 2) != match.m)
      return std::nullopt;
    if (tail == 3 && sum[rank - 3] != match.heads) return std::nullopt;
    const int64_t heads = tail == 3 ? extent(rank - 3) : 1;
    // Leading dimensions: ones, then whole sizes, so that element b reads b mod P.
    int64_t period = 1;
    bool whole = false;
    for (size_t d = 0; d < rank - tail; ++d) {
      if (extent(d) == sum[d]) whole = whole || sum[d] != 1;
      else if (extent(d) != 1 || whole) return std::nullopt;
      period *= extent(d);
    }
    return Shape{period, heads, match.m, match.n};
  }

  Status Emit(const Node& node, const Match& match, std::vector<Node>& done) {
    const bool has_heads = pattern_.ShapeOf(match.v).rank() == 4;
    const int64_t d = pattern_.ShapeOf(match.q).back(), e = pattern_.ShapeOf(match.v).back();
    const auto turned = [&](ValueId v, const Dims& perm, const Shape& shape) {
      const ValueId to = graph_.AddValue(node.name, {DType::kFloat32, shape});
      if (has_heads) {
        done.push_back(Node{Transpose{perm}, node.name, {v}, {to}});
        return to;
      }
      // [B,M,D] has no heads; kᵀ is still to be turned.
      ValueId from = v;
      if (perm == Dims{0, 3, 1, 2}) {
        from = graph_.AddValue(node.name, {DType::kFloat32, Shape{shape[0], shape[1], shape[3]}});
        done.push_back(Node{Transpose{{0, 2, 1}}, node.name, {v}, {from}});
      }
      done.push_back(Node{View{}, node.name, {from}, {to}});
      return to;
    };
    const int64_t b = match.batch, h = match.heads;
    Node attention{
        Attention{static_cast<float>(match.scale), static_cast<int64_t>(match.biases.size())}, node.name, {}, {}};
    attention.inputs.push_back(turned(match.q, {0, 2, 1, 3}, {b, match.m, h, d}));
    attention.inputs.push_back(turned(match.k_transposed, {0, 3, 1, 2}, {b, match.n, h, d}));
    attention.inputs.push_back(turned(match.v, {0, 2, 1, 3}, {b, match.n, h, e}));
    for (const Bias& bias : match.biases) {
      DECAL_TRY_ASSIGN(auto tensor, ConstantTensor::Allocate(DType::kFloat32, bias.shape));
      std::copy_n(bias.constant->buffer.data(), tensor->buffer.size_bytes(), tensor->buffer.data());
      attention.inputs.push_back(graph_.AddConstant(node.name, std::move(tensor)));
    }
    const ValueId tokens = graph_.AddValue(node.name, {DType::kFloat32, Shape{b, match.m, h, e}});
    attention.outputs = {tokens};
    done.push_back(std::move(attention));
    if (has_heads) done.push_back(Node{Transpose{{0, 2, 1, 3}}, node.name, {tokens}, {node.outputs[0]}});
    else done.push_back(Node{View{}, node.name, {tokens}, {node.outputs[0]}});
    return {};
  }

  Graph& graph_;
  Pattern pattern_;
};

}  // namespace

Status FuseAttention(Graph& graph) {
  DECAL_TRY(AttentionFuser(graph).Run());
  return EliminateDead(graph);
}

}  // namespace decal
