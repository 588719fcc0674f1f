// Graph construction helpers and use-def queries.
#include "engine/ir/graph.h"

namespace decal {

std::string TensorType::ToString() const { return Name(dtype) + (shape ? shape->ToString() : std::string("[...]")); }

Result<std::shared_ptr<ConstantTensor>> ConstantTensor::Allocate(DType dtype, const Shape& shape) {
  auto tensor = std::make_shared<ConstantTensor>();
  tensor->dtype = dtype;
  tensor->shape = shape;
  DECAL_TRY_ASSIGN(tensor->buffer,
                   Buffer::Allocate(static_cast<size_t>(shape.elements()) * SizeOf(dtype), "constants"));
  return tensor;
}

ValueId Graph::AddValue(std::string value_name, TensorType type) {
  Value value;
  value.name = std::move(value_name);
  value.type = type;
  values.push_back(std::move(value));
  return static_cast<ValueId>(values.size() - 1);
}

ValueId Graph::AddConstant(std::string value_name, ConstantPtr constant) {
  const ValueId id = AddValue(std::move(value_name), TensorType{constant->dtype, constant->shape});
  values[id].constant = std::move(constant);
  return id;
}

Result<ConstantPtr> WidenConstant(const ConstantTensor& half) {
  DECAL_TRY_ASSIGN(auto wide, ConstantTensor::Allocate(DType::kFloat32, half.shape));
  const Half* from = half.view().as<Half>();
  float* to = reinterpret_cast<float*>(wide->buffer.data());
  for (int64_t i = 0; i < half.shape.elements(); ++i) to[i] = from[i];
  return wide;
}

std::vector<int32_t> Producers(const Graph& graph) {
  std::vector<int32_t> producers(graph.values.size(), -1);
  for (size_t n = 0; n < graph.nodes.size(); ++n)
    for (ValueId v : graph.nodes[n].outputs)
      if (v != kNoValue) producers[v] = static_cast<int32_t>(n);
  return producers;
}

std::vector<uint32_t> UseCounts(const Graph& graph) {
  std::vector<uint32_t> uses(graph.values.size(), 0);
  for (const Node& node : graph.nodes)
    for (ValueId v : node.inputs)
      if (v != kNoValue) ++uses[v];
  for (ValueId v : graph.outputs) ++uses[v];
  return uses;
}

}  // namespace decal
