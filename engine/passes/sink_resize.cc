// A 1x1 convolution of a concat runs before the resizes among its parts, on the smaller maps:
//
//   x ─► Resize ─┬─► Concat ─► Conv 1x1      ⇒     x ─► Conv 1x1 ─► Resize ─┬─► Add
//   s ───────────┘                                 s ─► Conv 1x1 ───────────┘
//
// Both are linear and a resize treats all channels alike, so they commute; the sum moves into the second convolution's
// epilogue. BiRefNet-lite at 1024 ends with 96 channels enlarged to 1024x1024 for a convolution that makes one of them:
// 384 MB, more than WebGPU guarantees for a buffer; and adds a pooled pixel, enlarged to 256 channels of a whole map.
// SPDX-License-Identifier: MIT
#include <array>
#include <cstring>
#include <span>

#include "engine/passes/passes.h"
#include "engine/passes/pattern.h"

namespace decal {
namespace {

// Nothing but a product of each pixel's channels.
bool IsPointwise(const Conv& conv, const Shape& weight) {
  return conv.group == 1 && conv.epilogue.empty() && weight.rank() == 4 && weight[2] == 1 && weight[3] == 1 &&
         AllAre(conv.window.strides, 1) && AllAre(conv.window.pads_begin, 0) && AllAre(conv.window.pads_end, 0) &&
         (conv.window.auto_pad == Window::AutoPad::kNotSet || conv.window.auto_pad == Window::AutoPad::kValid);
}

// Some neighbouring channels.
struct Channels {
  int64_t first = 0, count = 0;
};

// These input channels of a weight [M,C,1,1], one part after the other.
Result<ConstantPtr> SelectChannels(const ConstantTensor& weight, std::span<const Channels> parts) {
  const int64_t rows = weight.shape[0];
  int64_t count = 0;
  for (const Channels& part : parts) count += part.count;
  DECAL_TRY_ASSIGN(auto selected, ConstantTensor::Allocate(weight.dtype, Shape{rows, count, 1, 1}));
  const size_t size = SizeOf(weight.dtype);
  std::byte* to = selected->buffer.data();
  for (int64_t row = 0; row < rows; ++row) {
    for (const Channels& part : parts) {
      const size_t bytes = static_cast<size_t>(part.count) * size;
      std::memcpy(to, weight.buffer.data() + static_cast<size_t>(row * weight.shape[1] + part.first) * size, bytes);
      to += bytes;
    }
  }
  return selected;
}

class Sinker {
 public:
  explicit Sinker(Graph& graph) : graph_(graph), pattern_(graph) {}

  Status Run() {
    replacements_.resize(graph_.nodes.size());
    for (size_t n = 0; n < graph_.nodes.size(); ++n) DECAL_TRY(Visit(n));
    if (!changed_) return {};
    std::vector<Node> nodes;
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      if (replacements_[n].empty()) nodes.push_back(std::move(graph_.nodes[n]));
      for (Node& node : replacements_[n]) nodes.push_back(std::move(node));
    }
    graph_.nodes = std::move(nodes);
    return EliminateDead(graph_);
  }

 private:
  // A resize that enlarges a map of more channels than the convolution makes, for the concat alone. (Nobody else may
  // read it: it would have to stay.)
  const Node* SinkableResize(ValueId v, int64_t channels_out) const {
    const Node* resize = pattern_.Maker<Resize>(v);
    if (resize == nullptr || !pattern_.UsedOnce(v)) return nullptr;
    const Resize& op = std::get<Resize>(resize->op);
    if (op.coordinates == ResizeCoordinates::kTfCropAndResize) return nullptr;  // not linear: it extrapolates
    const Shape &in = pattern_.ShapeOf(resize->inputs[0]), &out = pattern_.ShapeOf(v);
    const bool same_channels = in.rank() == 4 && in[0] == out[0] && in[1] == out[1];
    const bool enlarges = same_channels && in[2] * in[3] < out[2] * out[3];
    return enlarges && out[1] > channels_out ? resize : nullptr;
  }

  Status Visit(size_t n) {
    const Node conv = graph_.nodes[n];
    const Conv* op = std::get_if<Conv>(&conv.op);
    if (op == nullptr || !graph_.IsConstant(conv.inputs[1])) return {};
    const ConstantPtr weight = graph_.values[conv.inputs[1]].constant;
    const Node* concat = pattern_.Maker<Concat>(conv.inputs[0]);
    if (!IsPointwise(*op, weight->shape) || concat == nullptr || std::get<Concat>(concat->op).axis != 1) return {};
    // A weight that an earlier size has packed cannot be cut any more.
    if (!pattern_.IsFloat(conv.outputs[0]) || weight->buffer.data() == nullptr) return {};
    const int64_t rows = weight->shape[0];
    std::vector<ValueId> rest, enlarged;
    std::vector<Channels> rest_channels;
    std::vector<std::pair<size_t, int64_t>> sunk;  // node of the resize, first channel
    int64_t channel = 0;
    for (const ValueId v : concat->inputs) {
      const Node* resize = SinkableResize(v, rows);
      if (resize != nullptr) {
        sunk.emplace_back(static_cast<size_t>(resize - graph_.nodes.data()), channel);
      } else {
        rest.push_back(v);
        rest_channels.push_back({channel, pattern_.ShapeOf(v)[1]});
      }
      channel += pattern_.ShapeOf(v)[1];
    }
    if (sunk.empty() || rest.empty() || !pattern_.UsedOnce(conv.inputs[0])) return {};
    changed_ = true;

    for (const auto& [at, first] : sunk) {
      Node resize = graph_.nodes[at];
      const ValueId x = resize.inputs[0];
      const Shape in = pattern_.ShapeOf(x), out = pattern_.ShapeOf(resize.outputs[0]);
      DECAL_TRY_ASSIGN(const ValueId part, AddWeight(conv, std::array{Channels{first, in[1]}}));
      const ValueId small = graph_.AddValue(conv.name + "_part", {DType::kFloat32, Shape{in[0], rows, in[2], in[3]}});
      const ValueId large =
          graph_.AddValue(resize.name + "_part", {DType::kFloat32, Shape{out[0], rows, out[2], out[3]}});
      replacements_[at].push_back({*op, conv.name, {x, part, kNoValue}, {small}});
      // The channels are fewer than the sizes or scales say.
      DECAL_TRY(SetChannels(resize, rows));
      resize.inputs[0] = small;
      resize.outputs[0] = large;
      replacements_[at].push_back(std::move(resize));
      enlarged.push_back(large);
    }
    return Rejoin(n, conv, rest, rest_channels, enlarged);
  }

  // The convolution of the other parts, and the sum.
  Status Rejoin(size_t n, const Node& conv, const std::vector<ValueId>& rest, const std::vector<Channels>& channels,
                const std::vector<ValueId>& enlarged) {
    const TensorType type = graph_.values[conv.outputs[0]].type;
    DECAL_TRY_ASSIGN(const ValueId weight, AddWeight(conv, channels));
    std::vector<Node>& nodes = replacements_[n];
    ValueId x = rest[0];
    if (rest.size() > 1) {
      Shape shape = pattern_.ShapeOf(conv.inputs[0]);
      shape[1] = graph_.values[weight].constant->shape[1];
      x = graph_.AddValue(conv.name + "_rest", {DType::kFloat32, shape});
      nodes.push_back({Concat{1}, conv.name, rest, {x}});
    }
    Node smaller = conv;
    smaller.inputs[0] = x;
    smaller.inputs[1] = weight;
    for (const ValueId large : enlarged) {
      const ValueId sum = graph_.AddValue(conv.name + "_sum", type);
      smaller.outputs[0] = sum;
      if (nodes.empty() || !std::holds_alternative<Binary>(nodes.back().op)) nodes.push_back(smaller);
      const bool last = large == enlarged.back();
      const ValueId total = last ? conv.outputs[0] : graph_.AddValue(conv.name + "_total", type);
      const ValueId so_far = nodes.back().outputs[0];
      nodes.push_back({Binary{BinaryKind::kAdd}, conv.name, {so_far, large}, {total}});
    }
    return {};
  }

  Result<ValueId> AddWeight(const Node& conv, std::span<const Channels> parts) {
    DECAL_TRY_ASSIGN(ConstantPtr selected, SelectChannels(*graph_.values[conv.inputs[1]].constant, parts));
    const ValueId v = graph_.AddConstant(graph_.values[conv.inputs[1]].name, std::move(selected));
    graph_.values[v].type = {DType::kFloat32, graph_.values[v].constant->shape};  // also where it is stored as float16
    return v;
  }

  // Sizes that name all dimensions get the new number of channels; scales do not mind.
  Status SetChannels(Node& resize, int64_t channels) {
    constexpr size_t kSizes = 2;
    if (resize.inputs.size() <= kSizes || resize.inputs[kSizes] == kNoValue) return {};
    const ConstantPtr& sizes = graph_.values[resize.inputs[kSizes]].constant;
    const Dims& axes = std::get<Resize>(resize.op).axes;
    size_t at = SIZE_MAX;
    for (size_t i = 0; i < axes.size(); ++i)
      if (axes[i] == 1 || axes[i] == -3) at = i;
    if (axes.empty()) at = 1;
    if (at == SIZE_MAX) return {};
    DECAL_TRY_ASSIGN(auto fixed, ConstantTensor::Allocate(sizes->dtype, sizes->shape));
    std::memcpy(fixed->buffer.data(), sizes->buffer.data(), sizes->buffer.size_bytes());
    reinterpret_cast<int64_t*>(fixed->buffer.data())[at] = channels;
    resize.inputs[kSizes] = graph_.AddConstant(graph_.values[resize.inputs[kSizes]].name, std::move(fixed));
    return {};
  }

  Graph& graph_;
  Pattern pattern_;
  std::vector<std::vector<Node>> replacements_;  // by node; empty: it stays
  bool changed_ = false;
};

}  // namespace

Status SinkResize(Graph& graph) { return Sinker(graph).Run(); }

}  // namespace decal
