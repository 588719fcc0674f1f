// What an operator's import function sees: its node's attributes and inputs, and the graph to add to.
// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>
#include <unordered_map>

#include "engine/ir/graph.h"
#include "engine/onnx/onnx_model.h"

namespace decal {

class NodeImporter {
 public:
  NodeImporter(Graph& graph, std::unordered_map<std::string, ValueId>& names, const OnnxNode& node, int64_t opset,
               std::vector<ValueId> inputs)
      : graph_(graph), names_(names), node_(node), opset_(opset), inputs_(std::move(inputs)) {}

  int64_t opset() const { return opset_; }
  size_t input_count() const { return inputs_.size(); }
  size_t output_count() const { return node_.outputs.size(); }
  // kNoValue where absent.
  ValueId input(size_t i) const { return i < inputs_.size() ? inputs_[i] : kNoValue; }
  ConstantPtr constant(size_t i) const {
    return graph_.IsConstant(input(i)) ? graph_.values[input(i)].constant : nullptr;
  }
  // Some output after the first is used by name.
  bool wants_output(size_t i) const { return i < node_.outputs.size() && !node_.outputs[i].empty(); }

  // Attributes with their defaults. A wrong type counts as absent, as in other runtimes.
  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  int64_t Int(std::string_view name, int64_t fallback) const;
  float Float(std::string_view name, float fallback) const;
  std::string_view String(std::string_view name, std::string_view fallback) const;
  std::vector<int64_t> Ints(std::string_view name) const;
  // As Dims: an error if there are more than kMaxRank.
  Result<Dims> SmallInts(std::string_view name) const;
  const OnnxAttribute* Find(std::string_view name) const;

  std::unexpected<Error> Unsupported(std::string what) const {
    return Fail(ErrorCode::kUnsupportedOperator, node_.op_type + " " + std::move(what), node_.name);
  }

  // Adds a node with the ONNX node's outputs (the first `outputs`).
  Status Emit(Op op, std::vector<ValueId> inputs, size_t outputs = 1);
  // Adds a node that makes an intermediate value.
  ValueId EmitTemporary(Op op, std::vector<ValueId> inputs);
  // Makes an output another name of `value`.
  Status Alias(ValueId value, size_t output = 0);

  ValueId AddTensor(ConstantPtr tensor) { return graph_.AddConstant(node_.name, std::move(tensor)); }
  Result<ValueId> IntConstant(std::span<const int64_t> values, bool scalar = false);
  Result<ValueId> FloatConstant(std::span<const float> values, bool scalar = false);

 private:
  Status CheckInputs(const Op& op, std::span<const ValueId> inputs) const;

  Graph& graph_;
  std::unordered_map<std::string, ValueId>& names_;
  const OnnxNode& node_;
  int64_t opset_;
  std::vector<ValueId> inputs_;
  Status deferred_;  // of a temporary: reported when the node's own result is emitted
};

using ImportFn = Status (*)(NodeImporter&);

// Null: an unsupported operator.
ImportFn FindImporter(std::string_view op_type);

}  // namespace decal
