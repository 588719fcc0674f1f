// What a model needs to run on WebGPU, as data: shaders, buffers, uploads and dispatches for one device's limits.
//
// Session::PlanGpu makes a plan; a host with a GPU carries it out (web/src/gpu). Nothing here uses a GPU.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "decal/border.h"
#include "decal/result.h"

namespace decal {

// A device's limits; the defaults are those that WebGPU guarantees. Plans never exceed the first, whatever the device offers.
struct GpuLimits {
  static constexpr uint32_t kStorageBuffers = limits::kStorageBuffers;  // per shader stage

  uint32_t workgroup_invocations = limits::kWorkgroupInvocations;
  uint32_t workgroup_bytes = limits::kWorkgroupBytes;  // of workgroup memory
  // Invocations of a subgroup, at least and at most; 0 where shaders cannot use subgroups.
  uint32_t least_subgroup = 0, most_subgroup = 0;
  uint32_t workgroups = limits::kWorkgroupsPerDimension;
  uint32_t offset_alignment = limits::kOffsetAlignment;  // of bindings
  uint64_t binding_bytes = limits::kBindingBytes;
  uint64_t buffer_bytes = limits::kBufferBytes;
};

struct GpuOptions {
  // Store large weights and activations as float16, sum in float32. Needs the feature shader-f16.
  bool half_storage = false;
  // Bytes, as float32, from which activations and weights are large. A GPU's caches hold smaller ones, which gain little from half
  // the bytes and lose precision at each layer. Differences of the matte from float32: with all activations as float16
  // decal-default (at 96 x 96) 0.12, people-live 0.025; with all weights, and no activations, decal-default 6e-3 at 320 x 320 and
  // 5e-3 at 96 x 96; with those from 256 KiB on, which are four fifths of its parameters, 1.3e-3 and 1.1e-3. With activations from 16 MiB on MODNet (at
  // 128 x 128, with a bound a sixteenth as large) 4.8e-3.
  uint64_t half_activations_from = 64 << 20, half_weights_from = 256 << 10;
  bool choices = false;  // list in GpuStep::choice what a step could be made of
  // For measuring: n makes every step that has at least n candidates take the nth of them, in the order in which kernels name
  // them, rather than the cheapest.
  uint32_t variant = 0;
};

// A way to make a step, and what the cost model says of it: scalar MACs of all invocations, other instructions by their weight.
struct GpuCandidate {
  std::string name;
  double cost = 0;
};

// Part of one of the plan's buffers.
struct GpuRange {
  uint32_t buffer = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

struct GpuBuffer {
  enum class Use : uint8_t { kWeights, kActivations } use = Use::kWeights;
  uint64_t bytes = 0;
};

struct GpuPipeline {
  std::string label;
  std::string code;  // WGSL with one entry point, "main"
  std::array<uint32_t, 3> workgroup{1, 1, 1};
  uint32_t workgroup_bytes = 0;  // of workgroup memory
  std::vector<bool> writable;  // for storage bindings 1, 2, ..: read_write instead of read; binding 0 is the uniforms
};

struct GpuDispatch {
  uint32_t pipeline = 0;
  uint32_t step = 0;  // of GpuPlan::steps
  std::array<uint32_t, 3> groups{1, 1, 1};
  uint32_t uniform_offset = 0, uniform_bytes = 0;
  std::vector<GpuRange> bindings;  // the storage buffers, in the order of `writable`
};

// The contents of a part of a weight buffer, made on demand: `fill` writes range.bytes bytes.
struct GpuUpload {
  GpuRange range;
  std::function<void(std::byte*)> fill;
};

// A model's input or output as the host sees it: dense float32 in row-major order.
struct GpuTensor {
  std::string name;
  std::vector<int64_t> shape;
  GpuRange range;
};

struct GpuStep {
  std::string op, name, algorithm;
  std::vector<GpuCandidate> choice;  // the chosen one first, the others by their cost; see GpuOptions::choices
};

struct GpuPlan {
  bool half_storage = false;
  std::vector<GpuBuffer> buffers;
  std::vector<GpuPipeline> pipelines;
  std::vector<GpuDispatch> dispatches;  // in order; each sees what those before it wrote
  std::vector<std::byte> uniforms;  // one buffer; dispatches bind parts of it
  std::vector<GpuUpload> uploads;
  std::vector<GpuTensor> inputs, outputs;
  std::vector<GpuStep> steps;
  // An estimate of the MACs and element moves of one run, independent of kernels: for comparing models.
  double work = 0;

  uint64_t bytes(GpuBuffer::Use use) const;
  // Device memory while the model runs: buffers, uniforms and the buffer that reads outputs back.
  uint64_t total_bytes() const;
  // The largest number of storage buffers that one dispatch binds.
  size_t max_storage_buffers() const;
};

// Checks a plan against `limits`: bindings per stage, alignment, ranges inside their buffers, workgroup sizes and counts,
// and that no dispatch binds a range twice if it writes it. Errors: kInternal, which names the first violation.
Status Verify(const GpuPlan& plan, const GpuLimits& limits);

// As PlanDescription of border/answers.json.
std::string ToJson(const GpuPlan& plan);

// A table for people: one dispatch per line, then the totals.
std::string ToText(const GpuPlan& plan);

// Another: one line for each step that could be made in more than one way.
std::string ChoicesText(const GpuPlan& plan);

}  // namespace decal
