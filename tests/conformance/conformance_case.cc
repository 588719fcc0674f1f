// Runs a case with as few inputs known in advance as its shapes allow.
// SPDX-License-Identifier: MIT
#include "tests/conformance/conformance_case.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "engine/base/element.h"
#include "engine/onnx/importer.h"
#include "engine/onnx/node_importer.h"
#include "engine/passes/passes.h"
#include "engine/runtime/schedule.h"

namespace decal::conformance {
namespace {

// The defaults of ONNX's own backend test runner.
constexpr double kRelativeTolerance = 1e-3, kAbsoluteTolerance = 1e-7;

Result<std::vector<ConstantPtr>> ParseTensors(const std::vector<Bytes>& files) {
  std::vector<ConstantPtr> tensors;
  for (const Bytes& file : files) {
    DECAL_TRY_ASSIGN(OnnxInitializer tensor, ParseTensor(file));
    tensors.push_back(std::move(tensor.tensor));
  }
  return tensors;
}

// Gives the inputs their shapes, or their values where `bound` says so. The tensors that remain to be given to Run come
// back in the order of graph.inputs.
Result<std::vector<ConstantPtr>> BindInputs(Graph& graph, const std::vector<ConstantPtr>& given, BoundInputs bound) {
  if (given.size() != graph.inputs.size())
    return Fail(ErrorCode::kInvalidArgument,
                std::to_string(graph.inputs.size()) + " inputs, " + std::to_string(given.size()) + " files");
  std::vector<ConstantPtr> at_run;
  std::vector<ValueId> left;
  for (size_t i = 0; i < given.size(); ++i) {
    Value& value = graph.values[graph.inputs[i]];
    if (value.type.dtype != given[i]->dtype)
      return Fail(ErrorCode::kInvalidArgument,
                  std::string("an input of type ") + Name(value.type.dtype) + ", a file of " + Name(given[i]->dtype),
                  value.name);
    value.type.shape = given[i]->shape;
    if (bound == BoundInputs::kAll || (bound == BoundInputs::kIntegers && !IsFloating(given[i]->dtype))) {
      value.constant = given[i];
    } else {
      at_run.push_back(given[i]);
      left.push_back(graph.inputs[i]);
    }
  }
  graph.inputs = std::move(left);
  return at_run;
}

bool Same(double a, double e) {
  if (std::isnan(a) || std::isnan(e)) return std::isnan(a) && std::isnan(e);
  if (std::isinf(a) || std::isinf(e)) return a == e;
  return std::abs(a - e) <= kAbsoluteTolerance + kRelativeTolerance * std::abs(e);
}

Status Compare(const Value& value, const std::byte* actual, const ConstantTensor& expected) {
  const TensorType& type = value.type;
  if (type.dtype != expected.dtype || *type.shape != expected.shape)
    return Fail(ErrorCode::kShapeMismatch,
                type.ToString() + " instead of " + TensorType{expected.dtype, expected.shape}.ToString(), value.name);
  const int64_t elements = expected.shape.elements();
  for (int64_t i = 0; i < elements; ++i) {
    const double a = LoadNumber(type.dtype, actual, i), e = LoadNumber(type.dtype, expected.buffer.data(), i);
    const bool same = IsInteger(type.dtype)
                          ? LoadInteger(type.dtype, actual, i) == LoadInteger(type.dtype, expected.buffer.data(), i)
                          : Same(a, e);
    if (!same)
      return Fail(ErrorCode::kInternal,
                  "element " + std::to_string(i) + " of " + std::to_string(elements) + " is " + std::to_string(a) +
                      " instead of " + std::to_string(e),
                  value.name);
  }
  return {};
}

Result<OnnxModel> Parse(Bytes bytes) {
  OnnxStream stream;
  DECAL_TRY(stream.Feed(bytes));
  return stream.Finish();
}

// `planning_failed` tells a shape that depends on an input from all that comes after.
Status RunWith(const CaseData& data, BoundInputs bound, bool& planning_failed) {
  planning_failed = false;
  DECAL_TRY_ASSIGN(OnnxModel model, Parse(data.model));
  DECAL_TRY_ASSIGN(Graph graph, ImportGraph(std::move(model)));
  DECAL_TRY_ASSIGN(const std::vector<ConstantPtr> given, ParseTensors(data.inputs));
  DECAL_TRY_ASSIGN(const std::vector<ConstantPtr> expected, ParseTensors(data.outputs));
  if (expected.size() != graph.outputs.size())
    return Fail(ErrorCode::kInvalidArgument,
                std::to_string(graph.outputs.size()) + " outputs, " + std::to_string(expected.size()) + " files");
  DECAL_TRY_ASSIGN(const std::vector<ConstantPtr> at_run, BindInputs(graph, given, bound));
  planning_failed = true;
  DECAL_TRY(RunPasses(graph, LoadPasses()));
  DECAL_TRY(RunPasses(graph, SpecializePasses()));
  planning_failed = false;
  DECAL_TRY(Verify(graph));
  // A result that nothing but constants leads to still has to come out of Run.
  PackedWeights packed;
  DECAL_TRY_ASSIGN(Schedule schedule, Schedule::Build(graph, packed, SerialRunner()));

  std::vector<const void*> inputs;
  for (const ConstantPtr& tensor : at_run) inputs.push_back(tensor->buffer.data());
  std::vector<Buffer> results;
  std::vector<void*> outputs;
  for (ValueId v : graph.outputs) {
    // At least a byte: null means that the caller does not want this output.
    DECAL_TRY_ASSIGN(Buffer result,
                     Buffer::Allocate(std::max<size_t>(graph.values[v].type.size_bytes(), 1), "a result"));
    outputs.push_back(result.data());
    results.push_back(std::move(result));
  }
  DECAL_TRY(schedule.Run(inputs, outputs, SerialRunner(), nullptr, nullptr));
  for (size_t i = 0; i < expected.size(); ++i)
    DECAL_TRY(Compare(graph.values[graph.outputs[i]], results[i].data(), *expected[i]));
  return {};
}

}  // namespace

Outcome RunCase(const CaseData& data) {
  Outcome outcome;
  Result<OnnxModel> model = Parse(data.model);
  if (!model) {
    outcome.message = model.error().ToString();
    return outcome;
  }
  for (const OnnxNode& node : model->nodes) {
    const bool standard = node.domain.empty() || node.domain == "ai.onnx";
    const std::string name = (standard ? "" : node.domain + ".") + node.op_type;
    if (std::find(outcome.operators.begin(), outcome.operators.end(), name) != outcome.operators.end()) continue;
    outcome.operators.push_back(name);
    if (standard && FindImporter(node.op_type) != nullptr) continue;
    outcome.kind = Outcome::Kind::kNotApplicable;
    outcome.message += (outcome.message.empty() ? "no operator " : ", ") + name;
  }
  if (outcome.kind == Outcome::Kind::kNotApplicable) return outcome;

  for (const BoundInputs bound : {BoundInputs::kNone, BoundInputs::kIntegers, BoundInputs::kAll}) {
    bool planning_failed;
    const Status status = RunWith(data, bound, planning_failed);
    outcome.bound = bound;
    if (status) {
      outcome.kind = Outcome::Kind::kPassed;
      outcome.message.clear();
      return outcome;
    }
    outcome.message = status.error().ToString();
    // Another error is a plain failure: knowing more would only hide it.
    if (!planning_failed || status.error().code != ErrorCode::kUnsupportedOperator) return outcome;
  }
  return outcome;
}

const char* Name(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::kPassed: return "passed";
    case Outcome::Kind::kFailed: return "failed";
    case Outcome::Kind::kNotApplicable: return "not-applicable";
  }
  return "?";
}

const char* Name(BoundInputs bound) {
  switch (bound) {
    case BoundInputs::kNone: return "";
    case BoundInputs::kIntegers: return "integers";
    case BoundInputs::kAll: return "all";
  }
  return "?";
}

}  // namespace decal::conformance
