// Simpler spellings, once all shapes are known:
//
//   Reshape, Flatten, Squeeze, Unsqueeze                     ⇒  View
//   Transpose that moves only dimensions of 1                ⇒  View
//   AveragePool over the whole map, MaxPool likewise         ⇒  GlobalPool
//   Gemm without transposed A, alpha = beta = 1, vector C    ⇒  MatMul with a bias
//   View, Transpose, Cast, Expand, Slice, Pad, Tile, Resize,
//   Concat or Reduce that change nothing                     ⇒  their input
// SPDX-License-Identifier: MIT
#include "engine/passes/passes.h"

namespace decal {
namespace {

bool MovesOnlyOnes(const Transpose& op, const Shape& shape) {
  int64_t last = -1;
  for (size_t i = 0; i < shape.rank(); ++i) {
    const int64_t from = op.perm.empty() ? static_cast<int64_t>(shape.rank() - 1 - i) : op.perm[i];
    if (shape[static_cast<size_t>(from)] == 1) continue;
    if (from < last) return false;
    last = from;
  }
  return true;
}

bool IsGlobal(const Pool& op, const Shape& in, const Shape& out) {
  if (in.rank() != op.window.kernel.rank() + 2 || op.window.auto_pad != Window::AutoPad::kNotSet) return false;
  for (const Dims* pads : {&op.window.pads_begin, &op.window.pads_end})
    for (int64_t p : *pads)
      if (p != 0) return false;
  for (int64_t d : op.window.dilations)
    if (d != 1) return false;
  for (size_t i = 0; i + 2 < in.rank(); ++i)
    if (op.window.kernel[i] != in[i + 2] || out[i + 2] != 1) return false;
  return true;
}

// The operator returns its first input as it is.
bool IsNoOp(const Graph& graph, const Node& node) {
  const Value& x = graph.values[node.inputs[0]];
  const Value& y = graph.values[node.outputs[0]];
  if (x.type.dtype != y.type.dtype || !(*x.type.shape == *y.type.shape)) return false;
  if (std::holds_alternative<View>(node.op) || std::holds_alternative<Cast>(node.op) ||
      std::holds_alternative<Expand>(node.op) || std::holds_alternative<Tile>(node.op)) {
    return true;
  }
  if (const auto* transpose = std::get_if<Transpose>(&node.op)) return MovesOnlyOnes(*transpose, *x.type.shape);
  if (std::holds_alternative<Concat>(node.op)) return node.inputs.size() == 1;
  if (std::holds_alternative<Resize>(node.op)) {
    // Equal sizes: every coordinate rule maps i to i when the scale is 1. Scales given as numbers may
    // still differ from 1 (floor(10 * 1.05) = 10), so those are left alone.
    return node.inputs[2] != kNoValue;
  }
  if (std::holds_alternative<Slice>(node.op)) {
    // Same sizes and a step of +1 select everything; -1 reverses.
    if (node.inputs.size() < 5 || node.inputs[4] == kNoValue) return true;
    const ConstantPtr& steps = graph.values[node.inputs[4]].constant;
    if (steps == nullptr || steps->dtype != DType::kInt64) return false;
    for (int64_t i = 0; i < steps->shape.elements(); ++i)
      if (steps->view().as<int64_t>()[i] < 0) return false;
    return true;
  }
  if (std::holds_alternative<Pad>(node.op)) {
    const ConstantPtr& pads = graph.values[node.inputs[1]].constant;
    if (pads == nullptr) return false;
    for (int64_t i = 0; i < pads->shape.elements(); ++i)
      if (pads->view().as<int64_t>()[i] != 0) return false;
    return true;
  }
  return false;
}

}  // namespace

Status Canonicalize(Graph& graph) {
  std::vector<bool> erase(graph.nodes.size(), false);
  std::vector<ValueId> renamed(graph.values.size());
  for (ValueId v = 0; v < renamed.size(); ++v) renamed[v] = v;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    Node& node = graph.nodes[n];
    for (ValueId& v : node.inputs)
      if (v != kNoValue) v = renamed[v];
    if (node.inputs.empty() || node.inputs[0] == kNoValue) continue;
    const Shape& in = *graph.values[node.inputs[0]].type.shape;
    const Shape& out = *graph.values[node.outputs[0]].type.shape;

    const auto* transpose = std::get_if<Transpose>(&node.op);
    if (std::holds_alternative<Reshape>(node.op) || std::holds_alternative<Flatten>(node.op) ||
        std::holds_alternative<Squeeze>(node.op) || std::holds_alternative<Unsqueeze>(node.op) ||
        (transpose != nullptr && MovesOnlyOnes(*transpose, in))) {
      node.op = View{};
      node.inputs.resize(1);
    }
    if (const auto* pool = std::get_if<Pool>(&node.op); pool != nullptr && IsGlobal(*pool, in, out)) {
      node.op = GlobalPool{pool->kind};
    }
    if (const auto* gemm = std::get_if<Gemm>(&node.op);
        gemm != nullptr && !gemm->trans_a && !gemm->trans_b && gemm->alpha == 1 && gemm->beta == 1) {
      const ValueId c = node.inputs.size() > 2 ? node.inputs[2] : kNoValue;
      const bool vector = c != kNoValue && graph.values[c].type.shape->rank() == 1 &&
                          graph.values[c].type.shape->elements() == out.back();
      if (c == kNoValue || vector) {
        node.op = MatMul{};
        node.inputs.resize(3, kNoValue);
      }
    }
    if (IsNoOp(graph, node)) {
      renamed[node.outputs[0]] = node.inputs[0];
      erase[n] = true;
    }
  }
  for (ValueId& v : graph.outputs) v = renamed[v];
  EraseNodes(graph, erase);
  return {};
}

}  // namespace decal
