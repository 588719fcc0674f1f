// Runs a specialised graph node by node with the scalar references: the oracle for passes and plans.
// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "engine/onnx/importer.h"
#include "engine/passes/passes.h"
#include "tests/support/kernel_test.h"
#include "tests/support/onnx_builder.h"

namespace decal::testing {

inline Result<Graph> Import(const std::string& model) {
  OnnxStream stream;
  DECAL_TRY(stream.Feed(AsBytes(model)));
  DECAL_TRY_ASSIGN(OnnxModel parsed, stream.Finish());
  return ImportGraph(std::move(parsed));
}

// Values of all graph outputs, in row-major order. Works on graphs before and after any pass.
inline std::vector<std::vector<float>> RunByReference(const Graph& graph, const std::vector<TestTensor>& inputs) {
  std::map<ValueId, TestTensor> values;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    TestTensor& tensor = values[graph.inputs[i]] = TestTensor::Dense(inputs[i].shape());
    for (StridedIndex<2> e(inputs[i].shape(), {inputs[i].view().strides, tensor.view().strides}); e.valid(); e.Next())
      tensor.mutable_view().as<float>()[e.offset(1)] = inputs[i].view().as<float>()[e.offset(0)];
  }
  std::map<ValueId, ConstantPtr> widened;  // weights that the graph keeps in half precision until they are packed
  const auto view_of = [&](ValueId v) {
    if (v == kNoValue) return TensorView();
    const ConstantPtr& constant = graph.values[v].constant;
    if (!constant) return values.at(v).view();
    if (constant->dtype == graph.values[v].type.dtype) return constant->view();
    if (!widened.contains(v)) widened[v] = WidenConstant(*constant).value();
    return widened[v]->view();
  };
  for (const Node& node : graph.nodes) {
    std::vector<TensorView> in;
    for (ValueId v : node.inputs) in.push_back(view_of(v));
    std::vector<MutableTensorView> out;
    for (ValueId v : node.outputs) {
      const Value& value = graph.values[v];
      values[v] = TestTensor::Dense(*value.type.shape, value.layout, value.type.dtype);
      out.push_back(values[v].mutable_view());
    }
    const Status status = RunReference(node.op, in, out);
    EXPECT_TRUE(status) << (status ? "" : status.error().ToString());
  }
  std::vector<std::vector<float>> results;
  for (ValueId v : graph.outputs) {
    std::vector<float>& result = results.emplace_back();
    const TensorView view = view_of(v);
    for (StridedIndex<1> e(view.shape, {view.strides}); e.valid(); e.Next())
      result.push_back(view.as<float>()[e.offset(0)]);
  }
  return results;
}

// An imported graph with all shapes known but nothing rewritten.
inline Result<Graph> ImportAndInfer(const std::string& model) {
  DECAL_TRY_ASSIGN(Graph graph, Import(model));
  DECAL_TRY(FoldConstants(graph, FoldStage::kSpecialized));
  return graph;
}

}  // namespace decal::testing
