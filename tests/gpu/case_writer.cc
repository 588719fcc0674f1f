// Plans, runs on the CPU, and writes one case after the other.
// SPDX-License-Identifier: MIT
#include "tests/gpu/case_writer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>

#include "decal/parallel.h"
#include "engine/passes/passes.h"
#include "engine/runtime/gpu_compiler.h"
#include "engine/runtime/schedule.h"

namespace decal::testing {
namespace {

// Bindings so small that maps of a few thousand elements take several dispatches, and buffers that hold one or two.
constexpr GpuLimits kTinyDevice{.binding_bytes = 16 << 10, .buffer_bytes = 64 << 10};

// A device with workgroups and their memory as most have them, and subgroups of any size that WebGPU allows.
constexpr GpuLimits kRoomyDevice{
    .workgroup_invocations = 512, .workgroup_bytes = 32 << 10, .least_subgroup = 4, .most_subgroup = 128};
// Every so many cases are planned for it, each with the next of its candidates forced: together they take all of them.
constexpr size_t kRoomyEvery = 3, kVariants = 13;

[[noreturn]] void Stop(const std::string& name, const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", name.c_str(), why.c_str());
  std::exit(2);
}

size_t Elements(const Graph& graph, ValueId v) { return static_cast<size_t>(graph.values[v].type.shape->elements()); }

// Constants of its own: a schedule takes the memory of those it packs.
Graph WithOwnConstants(Graph graph) {
  for (Value& value : graph.values) {
    if (value.constant == nullptr) continue;
    auto copy = ConstantTensor::Allocate(value.constant->dtype, value.constant->shape);
    if (!copy) Stop(value.name, copy.error().ToString());
    const Buffer& from = value.constant->buffer;
    std::memcpy((*copy)->buffer.data(), from.data(), from.size_bytes());
    value.constant = *copy;
  }
  return graph;
}

std::vector<std::vector<float>> RunOnCpu(const std::string& name, const Graph& shared,
                                         const std::vector<std::vector<float>>& inputs) {
  const Graph graph = WithOwnConstants(shared);
  PackedWeights packed;
  Result<Schedule> schedule = Schedule::Build(graph, packed, SerialRunner());
  if (!schedule) Stop(name, schedule.error().ToString());
  std::vector<std::vector<float>> outputs;
  std::vector<const void*> in;
  std::vector<void*> out;
  for (const std::vector<float>& input : inputs) in.push_back(input.data());
  for (const ValueId v : graph.outputs) outputs.emplace_back(Elements(graph, v));
  for (std::vector<float>& output : outputs) out.push_back(output.data());
  if (const Status ran = schedule->Run(in, out, SerialRunner(), nullptr, nullptr); !ran)
    Stop(name, ran.error().ToString());
  return outputs;
}

}  // namespace

CaseWriter::CaseWriter(const std::string& folder, std::string filter, bool half)
    : json_(std::fopen((folder + "/cases.json").c_str(), "wb")),
      binary_(std::fopen((folder + "/cases.bin").c_str(), "wb")), filter_(std::move(filter)), half_(half) {
  if (json_ == nullptr || binary_ == nullptr) Stop(folder, "cannot be written to");
  std::fputs("[", json_);
}

CaseWriter::~CaseWriter() {
  std::fputs("]\n", json_);
  std::fclose(json_);
  std::fclose(binary_);
}

CaseWriter::Blob CaseWriter::Append(const void* data, size_t bytes) {
  const Blob blob{written_, bytes};
  std::fwrite(data, 1, bytes, binary_);
  written_ += bytes;
  return blob;
}

std::string CaseWriter::Text(const Blob& blob) const {
  return "[" + std::to_string(blob.offset) + "," + std::to_string(blob.bytes) + "]";
}

void CaseWriter::Add(const std::string& name, CaseGraph& made, float tolerance) {
  if (!Wants(name)) return;
  Graph graph = made.Build();
  if (const Status status = AssignLayout(graph); !status) Stop(name, status.error().ToString());
  if (const Status status = Verify(graph); !status) Stop(name, status.error().ToString());
  std::vector<std::vector<float>> inputs;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    std::uniform_real_distribution<float> uniform(made.ranges()[i].first, made.ranges()[i].second);
    inputs.emplace_back(Elements(graph, graph.inputs[i]));
    for (float& value : inputs.back()) value = uniform(made.random());
  }
  AddGraph(name, graph, inputs, tolerance);
}

void CaseWriter::AddGraph(const std::string& name, const Graph& graph, const std::vector<std::vector<float>>& inputs,
                          float tolerance) {
  if (!Wants(name)) return;
  // A float16 has 11 bits: a few of them are lost on the way.
  if (half_) tolerance = std::max(tolerance, 1e-2f);
  const std::vector<std::vector<float>> expected = RunOnCpu(name, graph, inputs);
  const Outcome outcome{inputs, expected, tolerance};
  if (!WriteCase(name, graph, {}, 0, outcome)) Stop(name, "does not fit the guaranteed limits");
  if (WriteCase(name + " (tiny device)", graph, kTinyDevice, 0, outcome)) ++banded_;
  if (added_++ % kRoomyEvery != 0) return;
  const uint32_t variant = 1 + static_cast<uint32_t>(added_ / kRoomyEvery % kVariants);
  const std::string roomy = name + " (roomy device, candidate " + std::to_string(variant) + ")";
  if (!WriteCase(roomy, graph, kRoomyDevice, variant, outcome)) Stop(roomy, "does not fit");
}

bool CaseWriter::WriteCase(const std::string& name, const Graph& graph, const GpuLimits& limits, uint32_t variant,
                           const Outcome& outcome) {
  const Result<GpuPlan> plan = CompileForGpu(
      graph, limits, {.half_storage = half_, .half_activations_from = 0, .half_weights_from = 0, .variant = variant});
  if (!plan && plan.error().code == ErrorCode::kLimitExceeded) return false;
  if (!plan) Stop(name, plan.error().ToString());
  max_storage_buffers_ = std::max(max_storage_buffers_, plan->max_storage_buffers());

  uint32_t workgroup_bytes = 0, invocations = 0;
  for (const GpuPipeline& pipeline : plan->pipelines) {
    workgroup_bytes = std::max(workgroup_bytes, pipeline.workgroup_bytes);
    invocations = std::max(invocations, pipeline.workgroup[0] * pipeline.workgroup[1] * pipeline.workgroup[2]);
  }
  std::vector<std::byte> weights;
  for (const GpuUpload& upload : plan->uploads) {
    const size_t at = weights.size();
    weights.resize(at + upload.range.bytes);
    upload.fill(weights.data() + at);
  }
  std::string text = count_ == 0 ? "\n" : ",\n";
  text += "{\"name\":\"" + name + "\",\"tolerance\":" + std::to_string(outcome.tolerance) +
          ",\"workgroupBytes\":" + std::to_string(workgroup_bytes) + ",\"invocations\":" + std::to_string(invocations) +
          ",\"plan\":" + ToJson(*plan) + ",\"weights\":" + Text(Append(weights.data(), weights.size())) +
          ",\"uniforms\":" + Text(Append(plan->uniforms.data(), plan->uniforms.size()));
  const auto append_all = [&](const char* key, const std::vector<std::vector<float>>& tensors) {
    text += std::string(",\"") + key + "\":[";
    for (const std::vector<float>& tensor : tensors) {
      if (text.back() != '[') text += ",";
      text += Text(Append(tensor.data(), tensor.size() * sizeof(float)));
    }
    text += "]";
  };
  append_all("inputs", outcome.inputs);
  append_all("expected", outcome.expected);
  text += "}";
  std::fwrite(text.data(), 1, text.size(), json_);
  ++count_;
  return true;
}

}  // namespace decal::testing
