// Checking a plan, counting its memory, and its two spellings: JSON for hosts, a table for people.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string>
#include <string_view>

#include "border/keys.h"
#include "decal/gpu.h"
#include "engine/base/json.h"
#include "engine/base/result.h"

namespace decal {
namespace {

// WebGPU's guarantee for uniform bindings.
constexpr uint32_t kUniformBytes = 65536;

Status Broken(const GpuPlan& plan, const GpuDispatch& dispatch, const std::string& what) {
  const std::string step = dispatch.step < plan.steps.size() ? plan.steps[dispatch.step].name : "?";
  const std::string label = dispatch.pipeline < plan.pipelines.size() ? plan.pipelines[dispatch.pipeline].label : "?";
  return Fail(ErrorCode::kInternal, "GPU plan: " + label + ": " + what, step);
}

bool Inside(const GpuPlan& plan, const GpuRange& range) {
  return range.buffer < plan.buffers.size() && range.bytes > 0 && range.offset <= plan.buffers[range.buffer].bytes &&
         range.bytes <= plan.buffers[range.buffer].bytes - range.offset;
}

Status CheckPipeline(const GpuPlan& plan, const GpuLimits& limits, const GpuDispatch& dispatch) {
  const GpuPipeline& pipeline = plan.pipelines[dispatch.pipeline];
  if (pipeline.writable.size() > GpuLimits::kStorageBuffers)
    return Broken(plan, dispatch, std::to_string(pipeline.writable.size()) + " storage buffers");
  const uint64_t invocations = uint64_t{pipeline.workgroup[0]} * pipeline.workgroup[1] * pipeline.workgroup[2];
  if (invocations == 0 || invocations > limits.workgroup_invocations)
    return Broken(plan, dispatch, std::to_string(invocations) + " invocations in a workgroup");
  if (pipeline.workgroup_bytes > limits.workgroup_bytes)
    return Broken(plan, dispatch, std::to_string(pipeline.workgroup_bytes) + " bytes of workgroup memory");
  if (pipeline.writable.size() != dispatch.bindings.size())
    return Broken(plan, dispatch, "another number of bindings than its pipeline");
  return {};
}

Status CheckDispatch(const GpuPlan& plan, const GpuLimits& limits, const GpuDispatch& dispatch) {
  if (dispatch.pipeline >= plan.pipelines.size() || dispatch.step >= plan.steps.size())
    return Broken(plan, dispatch, "a pipeline or step that does not exist");
  DECAL_TRY(CheckPipeline(plan, limits, dispatch));
  for (const uint32_t groups : dispatch.groups)
    if (groups == 0 || groups > limits.workgroups)
      return Broken(plan, dispatch, std::to_string(groups) + " workgroups in one dimension");
  if (dispatch.uniform_offset % limits.offset_alignment != 0 || dispatch.uniform_bytes > kUniformBytes ||
      uint64_t{dispatch.uniform_offset} + dispatch.uniform_bytes > plan.uniforms.size())
    return Broken(plan, dispatch, "uniforms out of place");
  const GpuPipeline& pipeline = plan.pipelines[dispatch.pipeline];
  for (size_t i = 0; i < dispatch.bindings.size(); ++i) {
    const GpuRange& range = dispatch.bindings[i];
    if (!Inside(plan, range)) return Broken(plan, dispatch, "a binding outside its buffer");
    if (range.offset % limits.offset_alignment != 0) return Broken(plan, dispatch, "a binding out of alignment");
    if (range.bytes > limits.binding_bytes)
      return Broken(plan, dispatch, "a binding of " + std::to_string(range.bytes) + " bytes");
    if (pipeline.writable[i] && plan.buffers[range.buffer].use == GpuBuffer::Use::kWeights)
      return Broken(plan, dispatch, "weights bound for writing");
    for (size_t k = 0; k < i; ++k) {
      const GpuRange& other = dispatch.bindings[k];
      if (other.buffer != range.buffer) continue;
      // WebGPU allows one buffer to be read here and written there in one dispatch only if all of it is writable.
      if (pipeline.writable[i] != pipeline.writable[k])
        return Broken(plan, dispatch, "a buffer bound both for reading and for writing");
      const bool apart = other.offset + other.bytes <= range.offset || range.offset + range.bytes <= other.offset;
      if (pipeline.writable[i] && !apart) return Broken(plan, dispatch, "two bindings over the same memory");
    }
  }
  return {};
}

void AppendNumbers(std::string& out, std::initializer_list<uint64_t> values) {
  out += '[';
  for (const uint64_t value : values) {
    if (out.back() != '[') out += ',';
    json::AppendInteger(out, static_cast<int64_t>(value));
  }
  out += ']';
}

void AppendRange(std::string& out, const GpuRange& range) {
  AppendNumbers(out, {range.buffer, range.offset, range.bytes});
}

template <class T, class Append>
void AppendList(std::string& out, std::string_view key, const std::vector<T>& items, const Append& append) {
  json::AppendKey(out, key);
  out += '[';
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ',';
    append(items[i]);
  }
  out += ']';
}

std::string Padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string Megabytes(uint64_t bytes) {
  const uint64_t tenths = (bytes + 50'000) / 100'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MB";
}

}  // namespace

uint64_t GpuPlan::bytes(GpuBuffer::Use use) const {
  uint64_t total = 0;
  for (const GpuBuffer& buffer : buffers)
    if (buffer.use == use) total += buffer.bytes;
  return total;
}

uint64_t GpuPlan::total_bytes() const {
  uint64_t total = uniforms.size();
  for (const GpuBuffer& buffer : buffers) total += buffer.bytes;
  if (!outputs.empty()) total += outputs[0].range.bytes;
  return total;
}

size_t GpuPlan::max_storage_buffers() const {
  size_t most = 0;
  for (const GpuPipeline& pipeline : pipelines) most = std::max(most, pipeline.writable.size());
  return most;
}

Status Verify(const GpuPlan& plan, const GpuLimits& limits) {
  for (const GpuBuffer& buffer : plan.buffers)
    if (buffer.bytes > limits.buffer_bytes)
      return Fail(ErrorCode::kInternal, "GPU plan: a buffer of " + std::to_string(buffer.bytes) + " bytes");
  for (const GpuDispatch& dispatch : plan.dispatches) DECAL_TRY(CheckDispatch(plan, limits, dispatch));
  for (const GpuUpload& upload : plan.uploads)
    if (!Inside(plan, upload.range) || plan.buffers[upload.range.buffer].use != GpuBuffer::Use::kWeights)
      return Fail(ErrorCode::kInternal, "GPU plan: an upload outside the weights");
  for (const std::vector<GpuTensor>* tensors : {&plan.inputs, &plan.outputs})
    for (const GpuTensor& tensor : *tensors)
      if (!Inside(plan, tensor.range) || tensor.range.offset % 4 != 0)
        return Fail(ErrorCode::kInternal, "GPU plan: an input or output outside its buffer", tensor.name);
  return {};
}

std::string ToJson(const GpuPlan& plan) {
  std::string out = "{";
  json::AppendKey(out, keys::kHalfStorage);
  out += plan.half_storage ? "true" : "false";
  AppendList(out, keys::kBuffers, plan.buffers, [&](const GpuBuffer& buffer) {
    out += '{';
    json::AppendField(out, keys::kUse, buffer.use == GpuBuffer::Use::kWeights ? "weights" : "activations");
    json::AppendField(out, keys::kBytes, buffer.bytes);
    out += '}';
  });
  AppendList(out, keys::kPipelines, plan.pipelines, [&](const GpuPipeline& pipeline) {
    out += '{';
    json::AppendField(out, keys::kLabel, pipeline.label);
    json::AppendField(out, keys::kCode, pipeline.code);
    json::AppendKey(out, keys::kWritable);
    out += '[';
    for (const bool writable : pipeline.writable) {
      if (out.back() != '[') out += ',';
      out += writable ? "true" : "false";
    }
    out += "]}";
  });
  AppendList(out, keys::kDispatches, plan.dispatches, [&](const GpuDispatch& dispatch) {
    out += '{';
    json::AppendField(out, keys::kPipeline, dispatch.pipeline);
    json::AppendField(out, keys::kStep, dispatch.step);
    json::AppendKey(out, keys::kGroups);
    AppendNumbers(out, {dispatch.groups[0], dispatch.groups[1], dispatch.groups[2]});
    json::AppendKey(out, keys::kUniform);
    AppendNumbers(out, {dispatch.uniform_offset, dispatch.uniform_bytes});
    AppendList(out, keys::kBindings, dispatch.bindings, [&](const GpuRange& range) { AppendRange(out, range); });
    out += '}';
  });
  AppendList(out, keys::kUploads, plan.uploads, [&](const GpuUpload& upload) { AppendRange(out, upload.range); });
  const auto append_tensor = [&](const GpuTensor& tensor) {
    out += '{';
    json::AppendField(out, keys::kName, tensor.name);
    AppendList(out, keys::kShape, tensor.shape, [&](int64_t extent) { json::AppendInteger(out, extent); });
    json::AppendKey(out, keys::kRange);
    AppendRange(out, tensor.range);
    out += '}';
  };
  AppendList(out, keys::kInputs, plan.inputs, append_tensor);
  AppendList(out, keys::kOutputs, plan.outputs, append_tensor);
  AppendList(out, keys::kSteps, plan.steps, [&](const GpuStep& step) {
    out += '{';
    json::AppendField(out, keys::kOp, step.op);
    json::AppendField(out, keys::kName, step.name);
    json::AppendField(out, keys::kAlgorithm, step.algorithm);
    AppendList(out, keys::kChoice, step.choice, [&](const GpuCandidate& candidate) {
      out += '{';
      json::AppendField(out, keys::kName, candidate.name);
      json::AppendField(out, keys::kCost, static_cast<uint64_t>(candidate.cost));
      out += '}';
    });
    out += '}';
  });
  json::AppendField(out, keys::kWork, static_cast<uint64_t>(plan.work));
  json::AppendField(out, keys::kUniformBytes, plan.uniforms.size());
  json::AppendKey(out, keys::kMemory);
  out += '{';
  json::AppendField(out, keys::kWeights, plan.bytes(GpuBuffer::Use::kWeights));
  json::AppendField(out, keys::kActivations, plan.bytes(GpuBuffer::Use::kActivations));
  json::AppendField(out, keys::kTotal, plan.total_bytes());
  out += '}';
  json::AppendField(out, keys::kMaxStorageBuffers, plan.max_storage_buffers());
  out += '}';
  return out;
}

std::string ToText(const GpuPlan& plan) {
  size_t op = 2, label = 6, algorithm = 9;
  for (const GpuStep& step : plan.steps) {
    op = std::max(op, step.op.size());
    algorithm = std::max(algorithm, step.algorithm.size());
  }
  for (const GpuPipeline& pipeline : plan.pipelines) label = std::max(label, pipeline.label.size());
  std::string out = Padded("STEP", 6) + Padded("OP", op + 2) + Padded("KERNEL", label + 2) +
                    Padded("ALGORITHM", algorithm + 2) + Padded("BUFFERS", 9) + Padded("GROUPS", 18) + "NAME\n";
  for (const GpuDispatch& dispatch : plan.dispatches) {
    const GpuStep& step = plan.steps[dispatch.step];
    const std::string groups = std::to_string(dispatch.groups[0]) + " x " + std::to_string(dispatch.groups[1]) + " x " +
                               std::to_string(dispatch.groups[2]);
    out += Padded(std::to_string(dispatch.step), 6) + Padded(step.op, op + 2) +
           Padded(plan.pipelines[dispatch.pipeline].label, label + 2) + Padded(step.algorithm, algorithm + 2) +
           Padded(std::to_string(dispatch.bindings.size()), 9) + Padded(groups, 18) + step.name + "\n";
  }
  out += "\n" + std::to_string(plan.dispatches.size()) + " dispatches of " + std::to_string(plan.pipelines.size()) +
         " pipelines, at most " + std::to_string(plan.max_storage_buffers()) + " storage buffers\n";
  out += "memory: weights " + Megabytes(plan.bytes(GpuBuffer::Use::kWeights)) + ", activations " +
         Megabytes(plan.bytes(GpuBuffer::Use::kActivations)) + ", in all " + Megabytes(plan.total_bytes()) + "\n";
  return out;
}

std::string ChoicesText(const GpuPlan& plan) {
  size_t op = 2, name = 4;
  for (const GpuStep& step : plan.steps) {
    if (step.choice.empty()) continue;
    op = std::max(op, step.op.size());
    name = std::max(name, step.name.size());
  }
  std::string out = Padded("STEP", 6) + Padded("OP", op + 2) + Padded("NAME", name + 2) +
                    "CANDIDATES, millions of weighted MACs each, the chosen one first\n";
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const GpuStep& step = plan.steps[i];
    if (step.choice.empty()) continue;
    out += Padded(std::to_string(i), 6) + Padded(step.op, op + 2) + Padded(step.name, name + 2);
    for (const GpuCandidate& candidate : step.choice) {
      const uint64_t hundredths = static_cast<uint64_t>(candidate.cost / 1e4);
      const uint64_t rest = hundredths % 100;
      out += (&candidate == step.choice.data() ? "" : ", ") + candidate.name + " " + std::to_string(hundredths / 100) +
             (rest < 10 ? ".0" : ".") + std::to_string(rest);
    }
    out += "\n";
  }
  return out;
}

}  // namespace decal
