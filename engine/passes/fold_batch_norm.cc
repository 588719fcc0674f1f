// BatchNormalization after a convolution becomes part of its weights (Jacob 2018, section 3.2).
//
//   Conv(x, w, b) ─► BatchNorm(scale, bias, mean, var)   ⇒   Conv(x, w * s, (b - mean) * s + bias)
//                                                             with s = scale / sqrt(var + epsilon)
//   Conv(x, w) ─► Add(b [1,C,1,1]) ─► BatchNorm          ⇒   likewise
//
// This runs when the model is loaded: later, the weights before the change could not be given up.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstring>

#include "engine/passes/passes.h"

namespace decal {
namespace {

bool IsFloatVector(const Graph& graph, ValueId id, int64_t elements) {
  return graph.IsConstant(id) && graph.values[id].constant->dtype == DType::kFloat32 &&
         graph.values[id].constant->shape.elements() == elements;
}

const float* Data(const Graph& graph, ValueId id) { return graph.values[id].constant->view().as<float>(); }

// Output channel of a weight element: dimension 0 of a Conv, dimension 1 of an ungrouped ConvTranspose.
int64_t ChannelAxis(const Op& op) {
  if (std::holds_alternative<Conv>(op)) return 0;
  if (const auto* conv = std::get_if<ConvTranspose>(&op)) return conv->group == 1 ? 1 : -1;
  return -1;
}

// The bias of a convolution without one, where it is spelled as an addition of [C,1,1] or [1,C,1,1].
Status AbsorbBiases(Graph& graph) {
  const std::vector<int32_t> producers = Producers(graph);
  const std::vector<uint32_t> uses = UseCounts(graph);
  std::vector<bool> erase(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& add = graph.nodes[n];
    const auto* binary = std::get_if<Binary>(&add.op);
    if (binary == nullptr || binary->kind != BinaryKind::kAdd) continue;
    for (size_t i : {0, 1}) {
      const ValueId sum = add.inputs[i], bias = add.inputs[1 - i];
      const int32_t producer = sum == kNoValue ? -1 : producers[sum];
      if (producer < 0 || uses[sum] != 1 || bias == kNoValue) continue;
      Node& conv = graph.nodes[static_cast<size_t>(producer)];
      const int64_t axis = ChannelAxis(conv.op);
      if (axis < 0 || conv.inputs.size() != 3 || conv.inputs[2] != kNoValue || !graph.IsConstant(conv.inputs[1]))
        continue;
      const Shape& weight = graph.values[conv.inputs[1]].constant->shape;
      const int64_t channels = weight[static_cast<size_t>(axis)];
      if (weight.rank() != 4 || !IsFloatVector(graph, bias, channels)) continue;
      const Shape& shape = graph.values[bias].constant->shape;
      if (!(shape == Shape{channels, 1, 1}) && !(shape == Shape{1, channels, 1, 1})) continue;
      DECAL_TRY_ASSIGN(auto vector, ConstantTensor::Allocate(DType::kFloat32, Shape{channels}));
      std::memcpy(vector->buffer.data(), Data(graph, bias), vector->buffer.size_bytes());
      conv.inputs[2] = graph.AddConstant(graph.values[bias].name, std::move(vector));
      conv.outputs[0] = add.outputs[0];
      erase[n] = true;
      break;
    }
  }
  EraseNodes(graph, erase);
  return {};
}

}  // namespace

Status FoldBatchNorm(Graph& graph) {
  DECAL_TRY(AbsorbBiases(graph));
  const std::vector<int32_t> producers = Producers(graph);
  const std::vector<uint32_t> uses = UseCounts(graph);
  std::vector<bool> erase(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& norm = graph.nodes[n];
    const auto* batch_norm = std::get_if<BatchNorm>(&norm.op);
    if (batch_norm == nullptr || batch_norm->training || norm.inputs.size() != 5) continue;
    const int32_t producer = norm.inputs[0] == kNoValue ? -1 : producers[norm.inputs[0]];
    if (producer < 0 || uses[norm.inputs[0]] != 1) continue;
    Node& conv = graph.nodes[static_cast<size_t>(producer)];
    const int64_t axis = ChannelAxis(conv.op);
    if (axis < 0 || conv.inputs.size() != 3 || !graph.IsConstant(conv.inputs[1])) continue;
    ConstantPtr weight = graph.values[conv.inputs[1]].constant;
    if (weight->dtype == DType::kFloat16 && graph.values[conv.inputs[1]].type.dtype == DType::kFloat32) {
      DECAL_TRY_ASSIGN(weight, WidenConstant(*weight));
    }
    if (weight->dtype != DType::kFloat32 || weight->shape.rank() < 3) continue;
    const int64_t channels = weight->shape[static_cast<size_t>(axis)];
    bool known = conv.inputs[2] == kNoValue || IsFloatVector(graph, conv.inputs[2], channels);
    for (size_t i = 1; i < 5; ++i) known = known && IsFloatVector(graph, norm.inputs[i], channels);
    if (!known) continue;

    const float *scale = Data(graph, norm.inputs[1]), *bias = Data(graph, norm.inputs[2]),
                *mean = Data(graph, norm.inputs[3]), *variance = Data(graph, norm.inputs[4]);
    const float* old_bias = conv.inputs[2] == kNoValue ? nullptr : Data(graph, conv.inputs[2]);
    DECAL_TRY_ASSIGN(auto new_weight, ConstantTensor::Allocate(DType::kFloat32, weight->shape));
    DECAL_TRY_ASSIGN(auto new_bias, ConstantTensor::Allocate(DType::kFloat32, Shape{channels}));
    const float* from = weight->view().as<float>();
    float* to = reinterpret_cast<float*>(new_weight->buffer.data());
    float* to_bias = reinterpret_cast<float*>(new_bias->buffer.data());
    const int64_t inner = weight->view().strides[static_cast<size_t>(axis)];
    std::vector<float> factor(static_cast<size_t>(channels));
    for (int64_t c = 0; c < channels; ++c) {
      factor[static_cast<size_t>(c)] =
          static_cast<float>(scale[c] / std::sqrt(static_cast<double>(variance[c]) + batch_norm->epsilon));
      to_bias[c] = ((old_bias ? old_bias[c] : 0.0f) - mean[c]) * factor[static_cast<size_t>(c)] + bias[c];
    }
    for (int64_t i = 0; i < weight->shape.elements(); ++i)
      to[i] = from[i] * factor[static_cast<size_t>(i / inner % channels)];

    conv.inputs[1] = graph.AddConstant(graph.values[conv.inputs[1]].name, std::move(new_weight));
    conv.inputs[2] = graph.AddConstant(norm.name, std::move(new_bias));
    conv.outputs[0] = norm.outputs[0];
    erase[n] = true;
  }
  EraseNodes(graph, erase);
  return {};
}

}  // namespace decal
