// Builds the graph: resolves names to values, imports nodes through the operator table, and reports all missing
// operators in one error.
// SPDX-License-Identifier: MIT
#include "engine/onnx/importer.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <string>
#include <unordered_set>

#include "engine/onnx/node_importer.h"
#include "engine/onnx/node_order.h"

namespace decal {
namespace {

// "Foo (node_1, node_2 and 3 more); Bar (node_9)"
class MissingOperators {
 public:
  void Add(const std::string& what, const OnnxNode& node) {
    missing_[what].push_back(!node.name.empty() ? node.name : node.outputs.empty() ? "?" : node.outputs[0]);
  }
  bool empty() const { return missing_.empty(); }
  std::string ToString() const {
    constexpr size_t kNamesShown = 4;
    std::string text;
    for (const auto& [what, nodes] : missing_) {
      text += (text.empty() ? "" : "; ") + what + " (";
      for (size_t i = 0; i < nodes.size() && i < kNamesShown; ++i) text += (i ? ", " : "") + nodes[i];
      if (nodes.size() > kNamesShown) text += " and " + std::to_string(nodes.size() - kNamesShown) + " more";
      text += ")";
    }
    return text;
  }

 private:
  std::map<std::string, std::vector<std::string>> missing_;
};

}  // namespace

const OnnxAttribute* NodeImporter::Find(std::string_view name) const {
  for (const OnnxAttribute& attribute : node_.attributes)
    if (attribute.name == name) return &attribute;
  return nullptr;
}

int64_t NodeImporter::Int(std::string_view name, int64_t fallback) const {
  const OnnxAttribute* attribute = Find(name);
  return attribute && attribute->type == OnnxAttribute::Type::kInt ? attribute->i : fallback;
}

float NodeImporter::Float(std::string_view name, float fallback) const {
  const OnnxAttribute* attribute = Find(name);
  return attribute && attribute->type == OnnxAttribute::Type::kFloat ? attribute->f : fallback;
}

std::string_view NodeImporter::String(std::string_view name, std::string_view fallback) const {
  const OnnxAttribute* attribute = Find(name);
  return attribute && attribute->type == OnnxAttribute::Type::kString ? std::string_view(attribute->s) : fallback;
}

std::vector<int64_t> NodeImporter::Ints(std::string_view name) const {
  const OnnxAttribute* attribute = Find(name);
  return attribute && attribute->type == OnnxAttribute::Type::kInts ? attribute->ints : std::vector<int64_t>();
}

Result<Dims> NodeImporter::SmallInts(std::string_view name) const {
  const std::vector<int64_t> values = Ints(name);
  if (values.size() > kMaxRank) return Unsupported("with " + std::to_string(values.size()) + " " + std::string(name));
  return Dims(values);
}

Status NodeImporter::CheckInputs(const Op& op, std::span<const ValueId> inputs) const {
  const size_t required = FactsOf(op).required_inputs;
  for (size_t i = 0; i < required; ++i)
    if (i >= inputs.size() || inputs[i] == kNoValue)
      return Fail(ErrorCode::kCorruptModel, node_.op_type + " without its input " + std::to_string(i), node_.name);
  return {};
}

Status NodeImporter::Emit(Op op, std::vector<ValueId> inputs, size_t outputs) {
  DECAL_TRY(deferred_);
  DECAL_TRY(CheckInputs(op, inputs));
  Node node{std::move(op),
            node_.name.empty() && !node_.outputs.empty() ? node_.outputs[0] : node_.name,
            std::move(inputs),
            {}};
  for (size_t i = 0; i < outputs && i < node_.outputs.size(); ++i) {
    const std::string& name = node_.outputs[i];
    const ValueId id = graph_.AddValue(name, TensorType{});
    if (!name.empty() && !names_.emplace(name, id).second)
      return Fail(ErrorCode::kCorruptModel, "two nodes have the output '" + name + "'", node_.name);
    node.outputs.push_back(id);
  }
  if (node.outputs.empty()) return Fail(ErrorCode::kCorruptModel, "a node without outputs", node_.name);
  graph_.nodes.push_back(std::move(node));
  return {};
}

ValueId NodeImporter::EmitTemporary(Op op, std::vector<ValueId> inputs) {
  if (Status status = CheckInputs(op, inputs); !status && deferred_) deferred_ = std::move(status);
  const ValueId id = graph_.AddValue(node_.name, TensorType{});
  graph_.nodes.push_back(Node{std::move(op), node_.name, std::move(inputs), {id}});
  return id;
}

Status NodeImporter::Alias(ValueId value, size_t output) {
  DECAL_TRY(deferred_);
  if (output >= node_.outputs.size() || value == kNoValue)
    return Fail(ErrorCode::kCorruptModel, "a node without inputs or outputs", node_.name);
  if (!names_.emplace(node_.outputs[output], value).second)
    return Fail(ErrorCode::kCorruptModel, "two nodes have the output '" + node_.outputs[output] + "'", node_.name);
  return {};
}

Result<ValueId> NodeImporter::IntConstant(std::span<const int64_t> values, bool scalar) {
  DECAL_TRY_ASSIGN(auto tensor, ConstantTensor::Allocate(
                                    DType::kInt64, scalar ? Shape{} : Shape{static_cast<int64_t>(values.size())}));
  if (!values.empty()) std::memcpy(tensor->buffer.data(), values.data(), values.size_bytes());
  return graph_.AddConstant(node_.name, std::move(tensor));
}

Result<ValueId> NodeImporter::FloatConstant(std::span<const float> values, bool scalar) {
  DECAL_TRY_ASSIGN(auto tensor, ConstantTensor::Allocate(
                                    DType::kFloat32, scalar ? Shape{} : Shape{static_cast<int64_t>(values.size())}));
  if (!values.empty()) std::memcpy(tensor->buffer.data(), values.data(), values.size_bytes());
  return graph_.AddConstant(node_.name, std::move(tensor));
}

namespace {

// Operators that mean the same in every opset.
bool IsTimeless(const OnnxNode& node) {
  constexpr std::string_view kTimeless[] = {"GlobalAveragePool", "GlobalMaxPool", "Not", "Softplus", "Transpose"};
  return std::find(std::begin(kTimeless), std::end(kTimeless), node.op_type) != std::end(kTimeless);
}

}  // namespace

Result<Graph> ImportGraph(OnnxModel model) {
  if (model.opset == 0) return Fail(ErrorCode::kCorruptModel, "the model states no opset");
  const bool timeless = std::all_of(model.nodes.begin(), model.nodes.end(), IsTimeless);
  if ((model.opset < kMinOpset && !timeless) || model.opset > kMaxOpset) {
    const bool high = model.opset > kMaxOpset;
    return Fail(ErrorCode::kUnsupportedOperator,
                "the model is of ONNX opset " + std::to_string(model.opset) + "; the " + (high ? "highest" : "lowest") +
                    " supported is " + std::to_string(high ? kMaxOpset : kMinOpset) + ": export or convert it to that");
  }
  DECAL_TRY(SortNodes(model.nodes));
  Graph graph;
  graph.name = model.graph_name;
  std::unordered_map<std::string, ValueId> names;
  for (OnnxInitializer& initializer : model.initializers) {
    const ValueId id = graph.AddConstant(initializer.name, std::move(initializer.tensor));
    if (!names.emplace(initializer.name, id).second)
      return Fail(ErrorCode::kCorruptModel, "two weights have the same name", initializer.name);
  }
  for (const OnnxValueInfo& input : model.inputs) {
    if (names.contains(input.name)) continue;  // before IR version 4, weights are also listed as inputs
    const ValueId id = graph.AddValue(input.name, input.type);
    names.emplace(input.name, id);
    graph.inputs.push_back(id);
  }

  MissingOperators missing;
  std::unordered_set<std::string> unknown;  // outputs of nodes that could not be imported
  for (const OnnxNode& node : model.nodes) {
    const bool standard = node.domain.empty() || node.domain == "ai.onnx";
    const ImportFn import = standard ? FindImporter(node.op_type) : nullptr;
    const auto give_up = [&](const std::string& what) {
      missing.Add(what, node);
      for (const std::string& name : node.outputs) unknown.insert(name);
    };
    if (import == nullptr) {
      give_up(standard ? node.op_type : node.domain + "." + node.op_type);
      continue;
    }
    std::vector<ValueId> inputs;
    bool depends_on_unknown = false;
    for (const std::string& name : node.inputs) {
      const auto found = names.find(name);
      if (name.empty()) {
        inputs.push_back(kNoValue);
      } else if (found != names.end()) {
        inputs.push_back(found->second);
      } else if (unknown.contains(name)) {
        depends_on_unknown = true;
      } else {
        return Fail(ErrorCode::kCorruptModel, "input '" + name + "' is not made by any node", node.name);
      }
    }
    if (depends_on_unknown) {  // continue, to find further missing operators
      for (const std::string& name : node.outputs) unknown.insert(name);
      continue;
    }
    NodeImporter importer(graph, names, node, model.opset, std::move(inputs));
    if (Status status = import(importer); !status) {
      if (status.error().code != ErrorCode::kUnsupportedOperator) return std::unexpected(status.error());
      give_up(status.error().message);
    }
  }
  if (!missing.empty())
    return Fail(ErrorCode::kUnsupportedOperator, "operators that are not supported: " + missing.ToString());
  if (model.outputs.empty()) return Fail(ErrorCode::kCorruptModel, "the model has no outputs");
  for (const OnnxValueInfo& output : model.outputs) {
    const auto found = names.find(output.name);
    if (found == names.end()) return Fail(ErrorCode::kCorruptModel, "output '" + output.name + "' is never made");
    Value& value = graph.values[found->second];
    if (!value.type.shape && output.type.shape) value.type = output.type;  // what the file declares, for people
    graph.outputs.push_back(found->second);
  }
  DECAL_TRY(Verify(graph));
  return graph;
}

}  // namespace decal
