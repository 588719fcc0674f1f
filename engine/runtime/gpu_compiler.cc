// Compiles a graph for the GPU: regions for values and dispatches for nodes, from the CPU's storage plan.
// SPDX-License-Identifier: MIT
#include "engine/runtime/gpu_compiler.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/gpu/request.h"
#include "engine/runtime/gpu_kernels.h"
#include "engine/plan/storage.h"

namespace decal {
namespace {

class GpuCompiler {
 public:
  GpuCompiler(const Graph& graph, const GpuLimits& limits, const GpuOptions& options)
      : graph_(graph), storage_(PlanStorage(graph)), builder_(limits, options) {}

  Result<GpuPlan> Run() && {
    for (const std::vector<ValueId>* values : {&graph_.inputs, &graph_.outputs})
      for (const ValueId v : *values)
        if (graph_.values[v].type.dtype != DType::kFloat32 || graph_.values[v].type.shape->elements() == 0)
          return Fail(ErrorCode::kUnsupportedOperator,
                      std::string("no WebGPU plan for an input or output of type ") + graph_.values[v].type.ToString());
    MakeRegions();
    std::string missing;
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      if (storage_.elided[n]) continue;
      Status made = MakeNode(n);
      if (made) continue;
      Error error = std::move(made).error();
      if (error.code != ErrorCode::kUnsupportedOperator) {
        if (error.where.empty()) error.where = graph_.nodes[n].name;
        return std::unexpected(std::move(error));
      }
      // Lists all of them at once, so that a user learns everything that keeps a model off the GPU.
      if (missing.find(error.message) == std::string::npos) missing += (missing.empty() ? "" : "; ") + error.message;
    }
    if (!missing.empty()) return Fail(ErrorCode::kUnsupportedOperator, std::move(missing));
    for (const ValueId v : graph_.inputs) builder_.AddInput(graph_.values[v].name, TensorOf(v));
    for (const ValueId v : graph_.outputs) DECAL_TRY(AddOutput(v));
    DECAL_TRY_ASSIGN(GpuPlan plan, builder_.Finish());
    plan.work = work_;
    return plan;
  }

 private:
  bool IsInput(ValueId v) const {
    return std::find(graph_.inputs.begin(), graph_.inputs.end(), v) != graph_.inputs.end();
  }
  // Step 0 is the upload of the inputs; node n is step n + 1; outputs are read one step after the last node.
  int32_t LastStep() const { return static_cast<int32_t>(graph_.nodes.size()) + 1; }

  void MakeRegions() {
    regions_.resize(graph_.values.size());
    for (ValueId v = 0; v < graph_.values.size(); ++v) {
      if (graph_.IsConstant(v) || storage_.placements[v].root != v) continue;
      if (storage_.first_use[v] < 0 && !IsInput(v)) continue;  // an unused input is written as well
      const int64_t elements = graph_.values[v].type.shape->elements();
      const int64_t size = SizeOf(StorageOf(v));
      const int32_t first = IsInput(v) ? 0 : storage_.first_use[v] + 1;
      regions_[v] =
          builder_.AddRegion(static_cast<uint64_t>(elements * size), first, std::max(0, storage_.last_use[v] + 1));
    }
  }

  // Inputs arrive as float32; the rest is stored as the plan says.
  gpu::Storage StorageOf(ValueId root) const {
    if (IsInput(root)) return gpu::Storage::kFloat32;
    return builder_.ActivationStorage(graph_.values[root].type.shape->elements());
  }

  gpu::Tensor TensorOf(ValueId v) const {
    const Placement& placement = storage_.placements[v];
    gpu::Tensor tensor{.storage = StorageOf(placement.root),
                       .offset = placement.offset,
                       .shape = *graph_.values[v].type.shape,
                       .strides = placement.strides};
    if (!graph_.IsConstant(placement.root)) tensor.region = regions_[placement.root];
    return tensor;
  }

  GpuOperand OperandOf(ValueId v) const {
    GpuOperand operand;
    if (v == kNoValue) return operand;
    operand.present = true;
    operand.dtype = graph_.values[v].type.dtype;
    operand.tensor = TensorOf(v);
    operand.constant = graph_.values[storage_.placements[v].root].constant;
    return operand;
  }

  Status MakeNode(size_t n) {
    const Node& node = graph_.nodes[n];
    builder_.BeginStep(static_cast<int32_t>(n) + 1, {OpName(node.op), node.name, ""});
    std::vector<GpuOperand> inputs, outputs;
    for (const ValueId v : node.inputs) inputs.push_back(OperandOf(v));
    for (const ValueId v : node.outputs) outputs.push_back(OperandOf(v));
    for (const GpuOperand& input : inputs)
      if (input.constant && input.constant->buffer.data() == nullptr && input.constant->shape.elements() > 0)
        return Fail(ErrorCode::kInternal, "a weight is needed again after it was packed: load the model again");
    work_ += WorkOf(node);
    return MakeGpuKernels(node.op, {inputs, outputs, builder_});
  }

  double WorkOf(const Node& node) const {
    std::vector<InferInput> inputs;
    for (const ValueId v : node.inputs) {
      InferInput& input = inputs.emplace_back();
      if (v == kNoValue) continue;
      input.present = true;
      input.shape = *graph_.values[v].type.shape;
    }
    std::vector<TensorType> outputs;
    for (const ValueId v : node.outputs) outputs.push_back(graph_.values[v].type);
    return ReferenceWork(node.op, inputs, outputs);
  }

  // Outputs are read as dense float32: in place if they are stored so, otherwise from a copy.
  Status AddOutput(ValueId v) {
    const Value& value = graph_.values[v];
    const Strides dense = DenseStrides(*value.type.shape, Layout::kRowMajor);
    const GpuOperand operand = OperandOf(v);
    gpu::Tensor tensor = operand.tensor;
    if (operand.constant == nullptr && tensor.storage == gpu::Storage::kFloat32 &&
        SamePlaces(tensor.shape, tensor.strides, dense)) {
      builder_.AddOutput(value.name, tensor);
      return {};
    }
    builder_.BeginStep(LastStep(), {"Output", value.name, ""});
    const GpuRequest request{{&operand, 1}, {}, builder_};
    gpu::Tensor copy{.storage = gpu::Storage::kFloat32, .shape = tensor.shape, .strides = dense};
    copy.region = builder_.Scratch(static_cast<uint64_t>(tensor.shape.elements()) * sizeof(float));
    builder_.AddOutput(value.name, copy);
    return AddStridedCopy(builder_, request.At(0), copy);
  }

  const Graph& graph_;
  StoragePlan storage_;
  gpu::PlanBuilder builder_;
  std::vector<gpu::Region> regions_;  // by root
  double work_ = 0;
};

}  // namespace

Result<GpuPlan> CompileForGpu(const Graph& graph, const GpuLimits& limits, const GpuOptions& options) {
  DECAL_TRY_ASSIGN(GpuPlan plan, GpuCompiler(graph, limits, options).Run());
  DECAL_TRY(Verify(plan, limits));
  return plan;
}

}  // namespace decal
