// Any bytes as a model through import, all passes, the plan for WebGPU, storage and memory plan, and a run where that is
// little work.
// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <vector>

#include "engine/onnx/importer.h"
#include "engine/passes/passes.h"
#include "engine/runtime/gpu_compiler.h"
#include "engine/runtime/schedule.h"
#include "fuzz/storage_check.h"

namespace decal {
namespace {

// Of all values together: one input is to take milliseconds, and what is wrong with large tensors is so with small
// ones.
constexpr size_t kMaxValueBytes = size_t{1} << 20;
constexpr double kMaxWork = 1 << 22;

// Gives every dynamic dimension of the inputs the same small size.
bool FixInputs(Graph& graph, int64_t extent) {
  for (ValueId v : graph.inputs) {
    if (!graph.values[v].type.shape) return false;
    for (int64_t& e : *graph.values[v].type.shape)
      if (e == kDynamic) e = extent;
  }
  return true;
}

// False where running would be long; `graph` is specialised.
bool IsSmall(const Graph& graph) {
  double bytes = 0, work = 0;
  for (const Node& node : graph.nodes) {
    std::vector<InferInput> inputs;
    std::vector<TensorType> outputs;
    for (ValueId v : node.inputs) {
      InferInput& input = inputs.emplace_back();
      if (v == kNoValue) continue;
      input.present = true;
      input.shape = *graph.values[v].type.shape;
    }
    for (ValueId v : node.outputs) {
      outputs.push_back(graph.values[v].type);
      bytes += static_cast<double>(outputs.back().size_bytes());
    }
    work += ReferenceWork(node.op, inputs, outputs);
  }
  for (ValueId v : graph.inputs) bytes += static_cast<double>(graph.values[v].type.size_bytes());
  return bytes <= kMaxValueBytes && work <= kMaxWork;
}

// A plan keeps every limit or is refused for a reason that is not ours; its uploads write what they say.
void CheckGpuPlan(const Graph& graph) {
  for (const bool half : {false, true}) {
    const Result<GpuPlan> plan = CompileForGpu(graph, {}, {.half_storage = half});
    if (!plan && plan.error().code == ErrorCode::kInternal) std::abort();
    if (!plan) continue;
    for (const GpuUpload& upload : plan->uploads) {
      std::vector<std::byte> bytes(upload.range.bytes);
      upload.fill(bytes.data());
    }
  }
}

Status PlanAndRun(Bytes file) {
  OnnxStream stream;
  DECAL_TRY(stream.Feed(file));
  DECAL_TRY_ASSIGN(OnnxModel model, stream.Finish());
  DECAL_TRY_ASSIGN(Graph graph, ImportGraph(std::move(model)));
  DECAL_TRY(RunPasses(graph, LoadPasses()));
  if (!FixInputs(graph, 1 + static_cast<uint8_t>(file.back()) % 16)) return {};
  DECAL_TRY(RunPasses(graph, SpecializePasses()));
  if (!Verify(graph)) std::abort();
  if (!IsSmall(graph)) return {};
  fuzz::CheckStorage(graph);
  CheckGpuPlan(graph);

  PackedWeights packed;
  DECAL_TRY_ASSIGN(Schedule schedule, Schedule::Build(graph, packed, SerialRunner()));
  if (schedule.memory().arena_bytes < schedule.memory().lower_bound_bytes) std::abort();
  std::vector<std::vector<std::byte>> inputs, outputs;
  std::vector<const void*> in;
  std::vector<void*> out;
  for (ValueId v : graph.inputs)
    in.push_back(inputs.emplace_back(graph.values[v].type.size_bytes(), std::byte{1}).data());
  for (ValueId v : graph.outputs) out.push_back(outputs.emplace_back(graph.values[v].type.size_bytes()).data());
  return schedule.Run(in, out, SerialRunner(), nullptr, nullptr);
}

}  // namespace
}  // namespace decal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 0) (void)decal::PlanAndRun(std::as_bytes(std::span(data, size)));
  return 0;
}
