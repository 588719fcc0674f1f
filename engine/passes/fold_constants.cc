// Constant folding and shape specialisation in one walk.
//
//   x [1,3,320,320] ─► Shape ─► Slice ─► Concat ─► sizes        known as soon as x has a shape, so that
//                                                    │          thousands of such nodes in real exports
//                        y ──────────────────► Resize           leave nothing but the Resize
//
// The scalar reference of each operator is the evaluator: folding and running cannot disagree.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string>

#include "engine/base/limits.h"
#include "engine/passes/passes.h"

namespace decal {
namespace {

Error At(Error error, const Node& node) {
  error.where = std::string(OpName(node.op)) + (node.name.empty() ? "" : " '" + node.name + "'");
  return error;
}

struct NodeFacts {
  std::vector<InferInput> inputs;
  bool all_static = true;
  bool all_constant = true;
  size_t weight_bytes = 0;  // of the known inputs
};

NodeFacts FactsOf(const Graph& graph, const Node& node) {
  NodeFacts facts;
  for (ValueId v : node.inputs) {
    InferInput& input = facts.inputs.emplace_back();
    if (v == kNoValue) continue;
    const Value& value = graph.values[v];
    input.present = true;
    input.dtype = value.type.dtype;
    input.constant = value.constant.get();
    if (value.type.is_static()) input.shape = *value.type.shape;
    else facts.all_static = false;
    if (value.constant) facts.weight_bytes += value.type.size_bytes();
    else facts.all_constant = false;
  }
  return facts;
}

// By ValueId: which values are read only as weights of convolutions and matrix products. Those may stay float16, because packing
// widens them.
std::vector<bool> WeightsOnly(const Graph& graph) {
  std::vector<bool> weights(graph.values.size(), false), others(graph.values.size(), false);
  for (const Node& node : graph.nodes) {
    const size_t packed = FactsOf(node.op).packed_input;
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (node.inputs[i] != kNoValue) (i == packed ? weights : others)[node.inputs[i]] = true;
  }
  for (ValueId v : graph.outputs) others[v] = true;
  for (size_t v = 0; v < weights.size(); ++v) weights[v] = weights[v] && !others[v];
  return weights;
}

// A weight of a half-precision file on its way to float32: it stays as it is until it is packed.
bool KeepsHalf(const Node& node, const NodeFacts& facts, const std::vector<bool>& weights_only) {
  const auto* cast = std::get_if<Cast>(&node.op);
  return cast != nullptr && cast->to == DType::kFloat32 && facts.inputs[0].constant->dtype == DType::kFloat16 &&
         facts.inputs[0].constant->buffer.size_bytes() >= kHalfBytes && weights_only[node.outputs[0]];
}

// Computes the outputs of `node` into new constants.
Status Evaluate(Graph& graph, const Node& node, const NodeFacts& facts, const std::vector<bool>& weights_only,
                size_t& bytes_left) {
  if (KeepsHalf(node, facts, weights_only)) {
    graph.values[node.outputs[0]].constant = graph.values[node.inputs[0]].constant;
    return {};
  }
  std::vector<TensorView> in;
  std::vector<ConstantPtr> wide;
  for (size_t i = 0; i < facts.inputs.size(); ++i) {
    TensorView& view = in.emplace_back();
    if (facts.inputs[i].constant) {
      view = facts.inputs[i].constant->view();
      if (view.dtype != facts.inputs[i].dtype) {
        DECAL_TRY_ASSIGN(ConstantPtr widened, WidenConstant(*facts.inputs[i].constant));
        view = wide.emplace_back(std::move(widened))->view();
      }
    } else {  // known by shapes
      view.dtype = facts.inputs[i].dtype;
      view.shape = facts.inputs[i].shape;
      view.strides = DenseStrides(view.shape, Layout::kRowMajor);
    }
  }
  std::vector<std::shared_ptr<ConstantTensor>> made;
  std::vector<MutableTensorView> out;
  for (ValueId v : node.outputs) {
    const TensorType& type = graph.values[v].type;
    if (type.size_bytes() > std::max(kMaxFoldedBytes, 4 * facts.weight_bytes))
      return Fail(ErrorCode::kLimitExceeded, "a constant of " + std::to_string(type.size_bytes()) + " bytes");
    if (type.size_bytes() > bytes_left)
      return Fail(ErrorCode::kLimitExceeded, "the constants that folding would make take too many bytes");
    bytes_left -= type.size_bytes();
    DECAL_TRY_ASSIGN(auto tensor, ConstantTensor::Allocate(type.dtype, *type.shape));
    out.push_back({tensor->buffer.data(), type.dtype, *type.shape, DenseStrides(*type.shape, Layout::kRowMajor)});
    made.push_back(std::move(tensor));
  }
  DECAL_TRY(RunReference(node.op, in, out));
  for (size_t i = 0; i < made.size(); ++i) graph.values[node.outputs[i]].constant = std::move(made[i]);
  return {};
}

}  // namespace

Status FoldConstants(Graph& graph, FoldStage stage) {
  std::vector<bool> erase(graph.nodes.size(), false);
  const std::vector<bool> weights_only = WeightsOnly(graph);
  size_t bytes_left = 0;  // that folding may still make
  for (const Value& value : graph.values)
    if (value.constant) bytes_left += kFoldedBytesFactor * value.type.size_bytes();
  bytes_left = std::max(bytes_left, kMaxFoldedTotalBytes);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const NodeFacts facts = FactsOf(graph, node);
    const bool shape_only = FactsOf(node.op).known_by_shapes;
    const bool fold = facts.all_static && (facts.all_constant || shape_only);
    if (stage == FoldStage::kLoaded && !fold) continue;
    if (!facts.all_static) return std::unexpected(At({ErrorCode::kInternal, "an input has no shape"}, node));
    InferResult types = InferOp(node.op, {facts.inputs, node.outputs.size()});
    if (!types) return std::unexpected(At(std::move(types).error(), node));
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const TensorType& type = (*types)[i];
      double elements = 1;  // a size of 0 counts as 1: it must not hide others whose product overflows
      for (int64_t extent : *type.shape) elements *= static_cast<double>(std::max<int64_t>(extent, 1));
      if (elements > static_cast<double>(kMaxTensorElements))
        return std::unexpected(At({ErrorCode::kLimitExceeded, "a tensor of " + type.ToString()}, node));
      graph.values[node.outputs[i]].type = type;
    }
    if (!fold || ReferenceWork(node.op, facts.inputs, *types) > kMaxFoldedWork) continue;
    if (Status status = Evaluate(graph, node, facts, weights_only, bytes_left); !status)
      return std::unexpected(At(status.error(), node));
    erase[n] = true;
  }
  EraseNodes(graph, erase);
  return {};
}

}  // namespace decal
