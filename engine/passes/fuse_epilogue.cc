// Activations, biases and residuals are fused into the matrix product or convolution before them:
//
//   Conv ─► Relu                         ⇒  Conv { Relu }
//   Conv ─► Relu ─► Clip                 ⇒  Conv { Clip }
//   Conv ─► Add(bias [1,C,1,1])          ⇒  Conv with a bias
//   Conv ─► Add(residual) ─► Relu        ⇒  Conv { +residual Relu }
//   Conv ─► Relu ─► Add(residual)        ⇒  Conv { Relu +residual }
//
// if no other node uses the values in between. The fused node takes the place of the last of its parts,
// because the residual has been computed by then. Applies to Conv, ConvTranspose and MatMul.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/passes/passes.h"

namespace decal {
namespace {

// The dimension of the output channels.
size_t ChannelDimension(const Op& op, size_t rank) {
  return EpilogueSlotsOf(op).channels_last_dimension ? rank - 1 : 1;
}

// `id` is a float constant with one element per channel, laid out to broadcast along them, or (when
// `scalar_too`) a single element.
bool IsPerChannel(const Graph& graph, ValueId id, const Shape& out, size_t channel_dimension) {
  if (!graph.IsConstant(id) || graph.values[id].constant->dtype != DType::kFloat32) return false;
  const Shape& shape = graph.values[id].constant->shape;
  const int64_t channels = out[channel_dimension];
  if (shape.rank() > out.rank() || shape.elements() != channels) return false;
  const size_t lead = out.rank() - shape.rank();
  for (size_t i = 0; i < shape.rank(); ++i)
    if (shape[i] != (lead + i == channel_dimension ? channels : 1)) return false;
  return channel_dimension >= lead;
}

bool IsScalar(const Graph& graph, ValueId id) {
  return graph.IsConstant(id) && graph.values[id].constant->dtype == DType::kFloat32 &&
         graph.values[id].constant->shape.elements() == 1;
}

// The same numbers as a vector [C]: epilogue operands have one shape only.
ValueId AsVector(Graph& graph, ValueId id, Status& status) {
  if (graph.values[id].constant->shape.rank() == 1) return id;
  const ConstantPtr source = graph.values[id].constant;
  auto tensor = ConstantTensor::Allocate(source->dtype, Shape{source->shape.elements()});
  if (!tensor) {
    status = std::unexpected(tensor.error());
    return kNoValue;
  }
  std::copy_n(source->buffer.data(), source->buffer.size_bytes(), (*tensor)->buffer.data());
  return graph.AddConstant(graph.values[id].name, *std::move(tensor));
}

// What `first` and then `second` do, if both limit values and one operator can do it: PyTorch exports ReLU6 as Relu, then Clip.
std::optional<Unary> BothLimits(const Unary& first, const Unary& second) {
  const auto limits = [](const Unary& op) { return op.kind == UnaryKind::kRelu || op.kind == UnaryKind::kClip; };
  const auto low = [](const Unary& op) { return op.kind == UnaryKind::kRelu ? 0.0f : op.alpha; };
  const auto high = [](const Unary& op) { return op.kind == UnaryKind::kRelu ? INFINITY : op.beta; };
  // Of limits in the wrong order the upper one wins, which the line below does not say.
  if (!limits(first) || !limits(second) || !(low(first) <= high(first)) || !(low(second) <= high(second))) return {};
  return Unary{UnaryKind::kClip, std::clamp(low(first), low(second), high(second)),
               std::clamp(high(first), low(second), high(second))};
}

class Fuser {
 public:
  explicit Fuser(Graph& graph)
      : graph_(graph), uses_(UseCounts(graph)), erase_(graph.nodes.size(), false), producers_(Producers(graph)) {}

  Status Run() {
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      if (std::holds_alternative<Unary>(graph_.nodes[n].op)) FuseActivation(n);
      else if (std::holds_alternative<Binary>(graph_.nodes[n].op)) FuseBinary(n);
      if (!status_) return status_;
    }
    EraseNodes(graph_, erase_);
    return {};
  }

 private:
  // The node that makes `id` if it is a float convolution or matrix product whose result only one node uses.
  Node* ProductOf(ValueId id) {
    if (id == kNoValue || graph_.IsConstant(id) || producers_[id] < 0 || uses_[id] != 1) return nullptr;
    if (graph_.values[id].type.dtype != DType::kFloat32) return nullptr;
    Node& node = graph_.nodes[static_cast<size_t>(producers_[id])];
    return EpilogueOf(node.op) != nullptr && node.inputs.size() >= EpilogueSlotsOf(node.op).own_inputs ? &node
                                                                                                       : nullptr;
  }

  // Moves the node that makes `product_value` to place `n`; it now makes the result of the node there.
  void Absorb(size_t n, ValueId product_value) {
    const size_t from = static_cast<size_t>(producers_[product_value]);
    Node fused = std::move(graph_.nodes[from]);
    fused.outputs[0] = graph_.nodes[n].outputs[0];
    graph_.nodes[n] = std::move(fused);
    erase_[from] = true;
    producers_[graph_.nodes[n].outputs[0]] = static_cast<int32_t>(n);
    producers_[product_value] = -1;
  }

  void FuseActivation(size_t n) {
    const Unary unary = std::get<Unary>(graph_.nodes[n].op);
    const ValueId x = graph_.nodes[n].inputs[0];
    Node* product = unary.kind == UnaryKind::kNot ? nullptr : ProductOf(x);
    if (product == nullptr) return;
    Epilogue& epilogue = *EpilogueOf(product->op);
    if (epilogue.prelu_slope || epilogue.residual == Epilogue::Residual::kAfterActivation) return;
    const std::optional<Unary> activation = epilogue.activation ? BothLimits(*epilogue.activation, unary) : unary;
    if (!activation) return;
    epilogue.activation = activation;
    Absorb(n, x);
  }

  void FuseBinary(size_t n) {
    const BinaryKind kind = std::get<Binary>(graph_.nodes[n].op).kind;
    if (kind == BinaryKind::kPRelu) return FusePRelu(n);
    if (kind != BinaryKind::kAdd) return;
    // If both operands can absorb the addition, the later one does: the other one is then available as residual.
    const ValueId a = graph_.nodes[n].inputs[0], b = graph_.nodes[n].inputs[1];
    const auto place = [&](ValueId v) { return v == kNoValue ? -1 : producers_[v]; };
    const ValueId later = place(a) >= place(b) ? a : b;
    const ValueId earlier = later == a ? b : a;
    if (FuseAdd(n, later, earlier)) return;
    FuseAdd(n, earlier, later);
  }

  bool FuseAdd(size_t n, ValueId x, ValueId other) {
    Node* product = ProductOf(x);
    if (product == nullptr || other == kNoValue || x == other) return false;
    Epilogue& epilogue = *EpilogueOf(product->op);
    const Shape& out = *graph_.values[graph_.nodes[n].outputs[0]].type.shape;
    if (!(out == *graph_.values[x].type.shape) || out.rank() < 2) return false;
    const size_t channel = ChannelDimension(product->op, out.rank());
    ValueId& bias = product->inputs[EpilogueSlotsOf(product->op).bias];
    if (epilogue.empty() && bias == kNoValue && IsPerChannel(graph_, other, out, channel)) {
      bias = AsVector(graph_, other, status_);
      if (!status_) return false;
      producers_.resize(graph_.values.size(), -1);
      Absorb(n, x);
      return true;
    }
    if (epilogue.residual != Epilogue::Residual::kNone || graph_.IsConstant(other)) return false;
    if (!(out == *graph_.values[other].type.shape) || graph_.values[other].type.dtype != DType::kFloat32) return false;
    const bool activated = epilogue.activation || epilogue.prelu_slope;
    epilogue.residual = activated ? Epilogue::Residual::kAfterActivation : Epilogue::Residual::kBeforeActivation;
    product->inputs.push_back(other);
    Absorb(n, x);
    return true;
  }

  void FusePRelu(size_t n) {
    const ValueId x = graph_.nodes[n].inputs[0], slope = graph_.nodes[n].inputs[1];
    Node* product = ProductOf(x);
    if (product == nullptr) return;
    Epilogue& epilogue = *EpilogueOf(product->op);
    if (epilogue.activation || epilogue.prelu_slope || epilogue.residual == Epilogue::Residual::kAfterActivation)
      return;
    const Shape& out = *graph_.values[x].type.shape;
    if (out.rank() < 2) return;
    if (IsScalar(graph_, slope)) {
      epilogue.activation = Unary{UnaryKind::kLeakyRelu, *graph_.values[slope].constant->view().as<float>()};
    } else if (IsPerChannel(graph_, slope, out, ChannelDimension(product->op, out.rank()))) {
      const ValueId vector = AsVector(graph_, slope, status_);
      if (!status_) return;
      producers_.resize(graph_.values.size(), -1);
      epilogue.prelu_slope = true;
      // Before a residual that is already there: the slope comes first.
      product->inputs.insert(
          product->inputs.begin() + static_cast<ptrdiff_t>(EpilogueSlotsOf(product->op).own_inputs.value), vector);
    } else {
      return;
    }
    Absorb(n, x);
  }

  Graph& graph_;
  std::vector<uint32_t> uses_;
  std::vector<bool> erase_;
  std::vector<int32_t> producers_;
  Status status_;
};

}  // namespace

Status FuseEpilogue(Graph& graph) { return Fuser(graph).Run(); }

}  // namespace decal
