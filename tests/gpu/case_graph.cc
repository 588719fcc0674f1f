// Building small graphs node by node, with types from the shape rules.
// SPDX-License-Identifier: MIT
#include "tests/gpu/case_graph.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace decal::testing {
namespace {

[[noreturn]] void Stop(const Error& error) {
  std::fprintf(stderr, "a test case is not a graph: %s\n", error.ToString().c_str());
  std::exit(2);
}

ConstantPtr MakeConstant(DType dtype, const Shape& shape, const void* data) {
  auto constant = ConstantTensor::Allocate(dtype, shape);
  if (!constant) Stop(constant.error());
  std::memcpy((*constant)->buffer.data(), data, static_cast<size_t>(shape.elements()) * SizeOf(dtype));
  return *constant;
}

}  // namespace

ValueId CaseGraph::Input(const Shape& shape, float low, float high) {
  const ValueId v = graph_.AddValue(NextName(), {DType::kFloat32, shape});
  graph_.inputs.push_back(v);
  ranges_.emplace_back(low, high);
  return v;
}

ValueId CaseGraph::Map(const Shape& shape) {
  if (Pick(3) != 0) return Input(shape);
  Shape wide = shape;
  const int64_t before = Pick(2) == 0 ? 4 : Pick(6), after = Pick(2) == 0 ? 4 : Pick(6);
  wide[1] += before + after;
  const ValueId x = Input(wide);
  return Node(Slice{}, {x, Ints({before}), Ints({before + shape[1]}), Ints({1})});
}

ValueId CaseGraph::Constant(const Shape& shape, float low, float high) {
  std::uniform_real_distribution<float> uniform(low, high);
  std::vector<float> values(static_cast<size_t>(shape.elements()));
  for (float& value : values) value = uniform(random_);
  return Floats(shape, values);
}

ValueId CaseGraph::Floats(const Shape& shape, const std::vector<float>& values) {
  return graph_.AddConstant(NextName(), MakeConstant(DType::kFloat32, shape, values.data()));
}

ValueId CaseGraph::Ints(const std::vector<int64_t>& values) {
  const Shape shape{static_cast<int64_t>(values.size())};
  return graph_.AddConstant(NextName(), MakeConstant(DType::kInt64, shape, values.data()));
}

std::vector<ValueId> CaseGraph::Nodes(Op op, std::vector<ValueId> inputs, size_t outputs) {
  std::vector<InferInput> known;
  for (const ValueId v : inputs) {
    InferInput& input = known.emplace_back();
    if (v == kNoValue) continue;
    const Value& value = graph_.values[v];
    input = {true, value.type.dtype, *value.type.shape, value.constant.get()};
  }
  const InferResult types = InferOp(op, {known, outputs});
  if (!types) Stop(types.error());
  decal::Node node{std::move(op), "n" + std::to_string(graph_.nodes.size()), std::move(inputs), {}};
  for (size_t i = 0; i < outputs; ++i) node.outputs.push_back(graph_.AddValue(NextName(), (*types)[i]));
  graph_.nodes.push_back(node);
  return node.outputs;
}

void CaseGraph::MapOutput(ValueId v) {
  if (Pick(3) != 0) return Output(v);
  Shape other = ShapeOf(v);
  other[1] = 1 + Pick(5);
  const ValueId more = Node(Unary{UnaryKind::kNeg}, {Input(other)});
  Output(Node(Concat{1}, Pick(2) == 0 ? std::vector{v, more} : std::vector{more, v}));
}

}  // namespace decal::testing
