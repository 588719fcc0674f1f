// Quantised models on the float kernels. Their weights are dequantised once, at load: a float GEMM is as
// fast as an integer one wherever SIMD has no wide 8-bit dot product: in WebAssembly, and on x86 before VNNI.
//
//   x ─► DynamicQuantize ─┬─ codes, zero ─► MatMulInteger (weight codes) ─► Cast f32 ─┐
//                         └─ scale ─► Mul weight scale ───────────────────────────────┴► Mul ─► y
//     ⇒  y = MatMul(x, Dequantize(weight codes)); the same for ConvInteger. Rounding x to 8 bits served
//        only the integer GEMM, and is omitted. One DynamicQuantize may feed many of them.
//
//   x ─► Quantize ─► Dequantize ─► y, of one known scale and zero point
//     ⇒  y = RoundToGrid(x). The rounding stays, because the clipping has to: exporters fold Relu into it.
//
// QLinearConv and QLinearMatMul are imported as Dequantize ─► Conv or MatMul ─► Quantize (onnx/import_quant.cc), so that the
// second pattern joins them.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

#include "engine/base/element.h"
#include "engine/passes/passes.h"
#include "engine/passes/pattern.h"

namespace decal {
namespace {

// How many values apply to a tensor: one, or one for each of `channels`; 0 if neither. After the channels' own
// dimension there may be `trailing` dimensions of size 1, which make them broadcast along the result.
int64_t CountAlong(const ConstantTensor& constant, int64_t channels, size_t trailing, size_t max_rank) {
  const Shape& shape = constant.shape;
  if (shape.rank() > max_rank) return 0;
  if (shape.elements() == 1) return 1;
  if (shape.elements() != channels || shape.rank() <= trailing) return 0;
  return shape[shape.rank() - 1 - trailing] == channels ? channels : 0;
}

// `count` elements: those of `constant`, or its only element repeated.
Result<ConstantPtr> Spread(const ConstantTensor& constant, int64_t count) {
  DECAL_TRY_ASSIGN(auto list, ConstantTensor::Allocate(constant.dtype, Shape{count}));
  const size_t size = SizeOf(constant.dtype);
  const bool repeat = constant.shape.elements() == 1;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i)
    std::memcpy(list->buffer.data() + i * size, constant.buffer.data() + (repeat ? 0 : i * size), size);
  return list;
}

class Lowering {
 public:
  explicit Lowering(Graph& graph) : graph_(graph), pattern_(graph) {}

  Status Run() {
    for (Node& node : graph_.nodes) {
      const auto* binary = std::get_if<Binary>(&node.op);
      if (binary != nullptr && binary->kind == BinaryKind::kMul) {
        DECAL_TRY(LowerProduct(node));
      } else if (std::holds_alternative<Dequantize>(node.op)) {
        JoinPair(node);
      }
    }
    // They read only constants, so they can be inserted before all other nodes.
    graph_.nodes.insert(graph_.nodes.begin(), std::make_move_iterator(weights_.begin()),
                        std::make_move_iterator(weights_.end()));
    return {};
  }

 private:
  const ConstantTensor* Constant(ValueId v) const {
    return graph_.IsConstant(v) ? graph_.values[v].constant.get() : nullptr;
  }

  // The node that makes `v` as its output number `output`, if it is a DynamicQuantize.
  const Node* Range(ValueId v, size_t output) const {
    const Node* node = pattern_.Maker<DynamicQuantize>(v);
    return node != nullptr && node->outputs[output] == v ? node : nullptr;
  }

  // The DynamicQuantize whose scale is a factor of `v`. `weight_scale` becomes the other factor, or null if there is
  // none.
  const Node* RangeOfScale(ValueId v, const ConstantTensor*& weight_scale) const {
    weight_scale = nullptr;
    if (const Node* range = Range(v, 1)) return range;
    const Node* mul = pattern_.Maker(v, BinaryKind::kMul);
    if (mul == nullptr) return nullptr;
    for (size_t i : {0, 1}) {
      const Node* range = Range(mul->inputs[i], 1);
      weight_scale = Constant(mul->inputs[1 - i]);
      if (range != nullptr && weight_scale != nullptr && weight_scale->dtype == DType::kFloat32) return range;
    }
    return nullptr;
  }

  Status LowerProduct(Node& mul) {
    for (size_t i : {0, 1}) {
      const Node* cast = pattern_.Maker<Cast>(mul.inputs[i]);
      if (cast == nullptr || std::get<Cast>(cast->op).to != DType::kFloat32) continue;
      const Node* product = pattern_.Maker<MatMulInteger>(cast->inputs[0]);
      if (product == nullptr) product = pattern_.Maker<ConvInteger>(cast->inputs[0]);
      if (product == nullptr) continue;
      const ConstantTensor* weight_scale = nullptr;
      const Node* range = RangeOfScale(mul.inputs[1 - i], weight_scale);
      if (range == nullptr || Range(product->inputs[0], 0) != range || Range(product->inputs[2], 2) != range) continue;
      return Replace(mul, *product, range->inputs[0], weight_scale);
    }
    return {};
  }

  // Turns `mul` into the float Conv or MatMul of x and the dequantised weight, unless the weight's parameters do not fit.
  Status Replace(Node& mul, const Node& product, ValueId x, const ConstantTensor* weight_scale) {
    const auto* conv = std::get_if<ConvInteger>(&product.op);
    const ConstantTensor* weight = Constant(product.inputs[1]);
    const ConstantTensor* zero = Constant(product.inputs[3]);
    if (weight == nullptr || weight->shape.rank() < 2 || (zero == nullptr && product.inputs[3] != kNoValue)) return {};
    const int64_t channels = conv != nullptr ? weight->shape[0] : weight->shape.back();
    // A scale with more dimensions than the result would add dimensions to it.
    const size_t trailing = conv != nullptr ? weight->shape.rank() - 2 : 0;
    const size_t max_rank = conv != nullptr ? weight->shape.rank() : 1;
    const int64_t scales = weight_scale != nullptr ? CountAlong(*weight_scale, channels, trailing, max_rank) : 1;
    const int64_t zeros = zero != nullptr ? CountAlong(*zero, channels, 0, 1) : 1;
    if (scales == 0 || zeros == 0) return {};

    // A weight that several layers share is dequantised once.
    const auto key = std::tuple(product.inputs[1], weight_scale, product.inputs[3]);
    const auto known = floats_.find(key);
    if (known == floats_.end()) {
      DECAL_TRY_ASSIGN(const ValueId made, Dequantized(mul.name, product, weight_scale, zero, std::max(scales, zeros)));
      floats_.emplace(key, made);
    }
    mul.inputs = {x, floats_.at(key), kNoValue};
    if (conv != nullptr) mul.op = Conv{.window = conv->window, .group = conv->group};
    else mul.op = MatMul{};
    return {};
  }

  // The float32 weight of `product`, with `count` scales and zero points.
  Result<ValueId> Dequantized(const std::string& name, const Node& product, const ConstantTensor* weight_scale,
                              const ConstantTensor* zero, int64_t count) {
    ConstantPtr scale;
    if (weight_scale != nullptr) {
      DECAL_TRY_ASSIGN(scale, Spread(*weight_scale, count));
    } else {
      DECAL_TRY_ASSIGN(auto one, ConstantTensor::Allocate(DType::kFloat32, Shape{1}));
      StoreNumber(DType::kFloat32, one->buffer.data(), 0, 1);
      DECAL_TRY_ASSIGN(scale, Spread(*one, count));
    }
    ValueId zero_id = kNoValue;
    if (zero != nullptr) {
      DECAL_TRY_ASSIGN(ConstantPtr spread, Spread(*zero, count));
      zero_id = graph_.AddConstant(name, std::move(spread));
    }
    const ValueId scale_id = graph_.AddConstant(name, std::move(scale));
    const ValueId floats = graph_.AddValue(name, {DType::kFloat32, graph_.values[product.inputs[1]].type.shape});
    const bool conv = std::holds_alternative<ConvInteger>(product.op);
    weights_.push_back({Dequantize{.axis = conv ? 0 : -1}, name, {product.inputs[1], scale_id, zero_id}, {floats}});
    return floats;
  }

  void JoinPair(Node& node) {
    const auto& to_floats = std::get<Dequantize>(node.op);
    const Node* pair = pattern_.Maker<Quantize>(node.inputs[0]);
    if (pair == nullptr || to_floats.block_size != 0 || std::get<Quantize>(pair->op).block_size != 0) return;
    const std::optional<double> scale = Parameter(node.inputs[1]), zero = Parameter(node.inputs[2]);
    if (!scale || !(*scale > 0) || !zero || Parameter(pair->inputs[1]) != scale || Parameter(pair->inputs[2]) != zero)
      return;
    for (const Node* n : {static_cast<const Node*>(&node), pair})
      if (Constant(n->inputs[1])->dtype != DType::kFloat32) return;
    if (to_floats.to.value_or(DType::kFloat32) != DType::kFloat32) return;
    // The codes have the type of the zero point, because shape rules have not run yet.
    const std::optional<DType> attribute = std::get<Quantize>(pair->op).to;
    const ConstantTensor* typed = Constant(pair->inputs[2]);
    const DType codes = attribute ? *attribute : typed != nullptr ? typed->dtype : DType::kUint8;
    if (!IsInteger(codes) || BitsOf(codes) > 16) return;
    const double range = static_cast<double>(1 << BitsOf(codes));
    const double low = (IsSigned(codes) ? -range / 2 : 0) - *zero;
    node.op = RoundToGrid{static_cast<float>(*scale), static_cast<float>(low), static_cast<float>(low + range - 1)};
    node.inputs = {pair->inputs[0]};
  }

  // A known scalar. A missing zero point is 0.
  std::optional<double> Parameter(ValueId v) const {
    if (v == kNoValue) return 0.0;
    const ConstantTensor* constant = Constant(v);
    if (constant == nullptr || constant->shape.elements() != 1) return std::nullopt;
    return LoadNumber(constant->dtype, constant->buffer.data(), 0);
  }

  Graph& graph_;
  Pattern pattern_;
  std::vector<Node> weights_;
  std::map<std::tuple<ValueId, const ConstantTensor*, ValueId>, ValueId> floats_;  // key: codes, scale, zero point
};

}  // namespace

Status LowerQuantized(Graph& graph) {
  DECAL_TRY(Lowering(graph).Run());
  DECAL_TRY(EliminateDead(graph));
  return FoldConstants(graph, FoldStage::kLoaded);  // the weights, before other passes look for them
}

}  // namespace decal
