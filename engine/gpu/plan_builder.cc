// From kernels over regions to a plan: shader texts, merged bindings, places in buffers.
// SPDX-License-Identifier: MIT
#include "engine/gpu/plan_builder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/base/memory_plan.h"
#include "engine/base/result.h"
#include "engine/base/rounding.h"

namespace decal::gpu {
namespace {

// Storage bindings have sizes in whole words, vectors in whole quads.
constexpr uint64_t kGranule = 16;

const char* ScalarName(Storage storage) {
  return storage == Storage::kFloat16 ? "f16" : storage == Storage::kInt32 ? "i32" : "f32";
}

// Functions that read and write operand `x` through binding `b`.
std::string Accessors(const std::string& x, const std::string& b, Storage storage, bool vectors, bool written) {
  const std::string scalar = ScalarName(storage);
  const std::string base = "u." + x + "_base";
  std::string text;
  const auto line = [&](const std::string& l) { text += l + "\n"; };
  if (storage == Storage::kInt32) {
    line("fn " + x + "_at(i: i32) -> i32 { return " + b + "[u32(i + " + base + ")]; }");
    return text;
  }
  if (vectors) {
    line("fn " + x + "_at4(i: i32, n: i32) -> vec4f { return vec4f(" + b + "[u32(i + " + base + ") >> 2u]); }");
    line("fn " + x + "_at(i: i32) -> f32 { let k = u32(i + " + base + "); return f32(" + b + "[k >> 2u][k & 3u]); }");
    if (written)
      line("fn " + x + "_set4(i: i32, v: vec4f, n: i32) { " + b + "[u32(i + " + base + ") >> 2u] = vec4<" + scalar +
           ">(v); }");
    return text;
  }
  line("fn " + x + "_at(i: i32) -> f32 { return f32(" + b + "[u32(i + " + base + ")]); }");
  line("fn " + x + "_at4(i: i32, n: i32) -> vec4f {");
  line("  let k = u32(i + " + base + ");");
  line("  var v = vec4f(f32(" + b + "[k]), 0.0, 0.0, 0.0);");
  for (const char* lane : {"1", "2", "3"})
    line(std::string("  if (n > ") + lane + ") { v[" + lane + "] = f32(" + b + "[k + " + lane + "u]); }");
  line("  return v;");
  line("}");
  if (!written) return text;
  line("fn " + x + "_set(i: i32, v: f32) { " + b + "[u32(i + " + base + ")] = " + scalar + "(v); }");
  line("fn " + x + "_set4(i: i32, v: vec4f, n: i32) {");
  line("  let k = u32(i + " + base + ");");
  line("  " + b + "[k] = " + scalar + "(v.x);");
  for (const char* lane : {"1", "2", "3"})
    line(std::string("  if (n > ") + lane + ") { " + b + "[k + " + lane + "u] = " + scalar + "(v[" + lane + "]); }");
  line("}");
  return text;
}

constexpr const char* kItemFunction =
    "fn item(group: vec3u, groups: vec3u, local: u32) -> i32 {\n"
    "  return i32((group.y * groups.x + group.x) * u32(WG_X * WG_Y * WG_Z) + local);\n"
    "}\n";

}  // namespace

Region PlanBuilder::AddRegion(uint64_t bytes, int32_t first, int32_t last) {
  regions_.push_back({RoundUp(std::max<uint64_t>(bytes, 1), kGranule), first, last});
  return {static_cast<uint32_t>(regions_.size() - 1), false};
}

Region PlanBuilder::Weight(const void* owner, uint64_t format, uint64_t bytes, std::function<void(std::byte*)> fill) {
  const auto [at, is_new] = weight_index_.try_emplace({owner, format}, static_cast<uint32_t>(weights_.size()));
  if (is_new) {
    const uint64_t padded = RoundUp(std::max<uint64_t>(bytes, 1), kGranule);
    weights_.push_back({padded, [fill = std::move(fill), bytes, padded](std::byte* to) {
                          std::memset(to + bytes, 0, padded - bytes);
                          fill(to);
                        }});
  }
  return {at->second, true};
}

void PlanBuilder::BeginStep(int32_t index, GpuStep step) {
  step_ = index;
  steps_.push_back(std::move(step));
}

Result<PlanBuilder::Shader> PlanBuilder::Write(const Kernel& kernel) const {
  Shader shader;
  DECAL_TRY_ASSIGN(shader.groups, GroupsOf(kernel));
  const uint64_t align = limits_.offset_alignment;
  // Bindings: operands of one region whose memory overlaps share one, and what it takes for all of them.
  struct Merged {
    Binding binding;
    bool vectors = true, written = false;
    Storage storage = Storage::kFloat32;
  };
  std::vector<Merged> merged;
  std::vector<size_t> binding_of;
  const auto overlap = [](const Binding& a, const Binding& b) {
    return a.region.id == b.region.id && a.region.weight == b.region.weight && a.offset < b.offset + b.bytes &&
           b.offset < a.offset + a.bytes;
  };
  const auto join = [](Merged& into, const Merged& from) {
    const uint64_t begin = std::min(into.binding.offset, from.binding.offset);
    const uint64_t end = std::max(into.binding.offset + into.binding.bytes, from.binding.offset + from.binding.bytes);
    into.binding.offset = begin;
    into.binding.bytes = end - begin;
    into.vectors = into.vectors && from.vectors;
    into.written = into.written || from.written;
  };
  for (const Kernel::OperandUse& use : kernel.operands_) {
    const uint64_t size = static_cast<uint64_t>(SizeOf(use.tensor.storage));
    const uint64_t begin = static_cast<uint64_t>(use.span.begin) * size / align * align;
    const uint64_t end = RoundUp(static_cast<uint64_t>(use.span.end) * size, kGranule);
    merged.push_back({{use.tensor.region, begin, end - begin}, use.vectors, use.written, use.tensor.storage});
    binding_of.push_back(merged.size() - 1);
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t a = 0; a < merged.size() && !changed; ++a) {
      for (size_t b = a + 1; b < merged.size() && !changed; ++b) {
        if (!overlap(merged[a].binding, merged[b].binding)) continue;
        if (merged[a].storage != merged[b].storage)
          return Fail(ErrorCode::kInternal, "operands of two types share memory", kernel.label_);
        join(merged[a], merged[b]);
        merged.erase(merged.begin() + static_cast<ptrdiff_t>(b));
        for (size_t& index : binding_of) index = index == b ? a : index > b ? index - 1 : index;
        changed = true;
      }
    }
  }
  if (merged.size() > GpuLimits::kStorageBuffers)
    return Fail(ErrorCode::kInternal, "a kernel with " + std::to_string(merged.size()) + " storage buffers",
                kernel.label_);

  bool half = false;
  std::string fields = kernel.fields_, bindings, accessors;
  for (size_t b = 0; b < merged.size(); ++b) {
    const Merged& m = merged[b];
    if (m.binding.bytes > limits_.binding_bytes)
      return Fail(ErrorCode::kLimitExceeded,
                  std::to_string(m.binding.bytes) + " bytes in one binding, where the device allows " +
                      std::to_string(limits_.binding_bytes),
                  kernel.label_);
    half = half || m.storage == Storage::kFloat16;
    const bool writable = !m.binding.region.weight;
    const std::string scalar = ScalarName(m.storage), number = std::to_string(b + 1);
    bindings += "@group(0) @binding(" + number + ") var<storage, " + (writable ? "read_write" : "read") + "> b" +
                number + ": array<" + (m.vectors ? "vec4<" + scalar + ">" : scalar) + ">;\n";
    shader.bindings.push_back(m.binding);
    shader.writable.push_back(writable);
  }
  for (size_t i = 0; i < kernel.operands_.size(); ++i) {
    const Kernel::OperandUse& use = kernel.operands_[i];
    const Merged& m = merged[binding_of[i]];
    const int64_t base = use.tensor.offset - static_cast<int64_t>(m.binding.offset) / SizeOf(use.tensor.storage);
    fields += "  " + use.name + "_base: i32,\n";
    shader.bases.push_back(std::bit_cast<std::array<std::byte, 4>>(static_cast<int32_t>(base)));
    accessors += Accessors(use.name, "b" + std::to_string(binding_of[i] + 1), m.storage, m.vectors, use.written);
  }
  const char* names[] = {"WG_X", "WG_Y", "WG_Z"};
  std::string& code = shader.code;
  if (half) code += "enable f16;\n";
  if (kernel.subgroups_) code += "enable subgroups;\n";
  code += "struct Params {\n" + fields + "}\n@group(0) @binding(0) var<uniform> u: Params;\n" + bindings;
  for (size_t d = 0; d < 3; ++d)
    code += std::string("const ") + names[d] + " = " + std::to_string(kernel.workgroup_[d]) + ";\n";
  code += kernel.constants_ + kItemFunction + accessors + kernel.absent_ + kernel.includes_ + Unroll(kernel.body_);
  return shader;
}

Result<std::array<uint32_t, 3>> PlanBuilder::GroupsOf(const Kernel& kernel) const {
  std::array<int64_t, 3> wanted = kernel.groups_;
  const int64_t limit = limits_.workgroups;
  if (kernel.items_ >= 0) {
    const int64_t size = int64_t{kernel.workgroup_[0]} * kernel.workgroup_[1] * kernel.workgroup_[2];
    const int64_t count = std::max<int64_t>(1, CeilDiv(kernel.items_, size));
    const int64_t y = CeilDiv(count, limit);
    wanted = {CeilDiv(count, y), y, 1};
  }
  std::array<uint32_t, 3> groups{};
  for (size_t d = 0; d < 3; ++d) {
    if (wanted[d] < 1 || wanted[d] > limit)
      return Fail(ErrorCode::kLimitExceeded, std::to_string(wanted[d]) + " workgroups in one dimension", kernel.label_);
    groups[d] = static_cast<uint32_t>(wanted[d]);
  }
  return groups;
}

void PlanBuilder::Append(const Kernel& kernel, Shader shader) {
  Dispatch& made = dispatches_.emplace_back();
  made.dispatch.groups = shader.groups;
  const auto [at, is_new] = pipeline_index_.try_emplace(shader.code, static_cast<uint32_t>(pipelines_.size()));
  if (is_new)
    pipelines_.push_back(
        {kernel.label_, std::move(shader.code), kernel.workgroup_, kernel.workgroup_bytes_, shader.writable});
  made.dispatch.pipeline = at->second;
  made.dispatch.step = static_cast<uint32_t>(steps_.size()) - 1;
  made.bindings = std::move(shader.bindings);

  uniforms_.resize(RoundUp(uniforms_.size(), limits_.offset_alignment));
  made.dispatch.uniform_offset = static_cast<uint32_t>(uniforms_.size());
  std::vector<std::array<std::byte, 4>> words = kernel.values_;
  words.insert(words.end(), shader.bases.begin(), shader.bases.end());
  for (const std::array<std::byte, 4>& word : words) uniforms_.insert(uniforms_.end(), word.begin(), word.end());
  uniforms_.resize(RoundUp(uniforms_.size(), kGranule));
  made.dispatch.uniform_bytes = static_cast<uint32_t>(uniforms_.size()) - made.dispatch.uniform_offset;
}

Status PlanBuilder::Add(const Kernel& wanted) {
  const Kernel kernel = Sized(wanted);
  DECAL_TRY_ASSIGN(Shader shader, Write(kernel));
  Append(kernel, std::move(shader));
  return {};
}

Status PlanBuilder::AddInBands(int64_t rows, const std::function<Kernel(int64_t, int64_t)>& make) {
  const std::vector<GpuCandidate> noted = steps_.empty() ? std::vector<GpuCandidate>{} : steps_.back().choice;
  for (int64_t bands = 1;; bands *= 2) {
    if (!steps_.empty()) steps_.back().choice = noted;
    bands = std::min(bands, rows);
    const int64_t height = CeilDiv(rows, bands);
    std::vector<std::pair<Kernel, Shader>> made;
    std::optional<Error> too_large;
    for (int64_t begin = 0; begin < rows && !too_large; begin += height) {
      Kernel kernel = Sized(make(begin, std::min(rows, begin + height)));
      Result<Shader> shader = Write(kernel);
      if (!shader) too_large = std::move(shader).error();
      else made.emplace_back(std::move(kernel), *std::move(shader));
    }
    if (!too_large) {
      for (auto& [kernel, shader] : made) Append(kernel, std::move(shader));
      return {};
    }
    if (bands == rows || too_large->code != ErrorCode::kLimitExceeded) return std::unexpected(*std::move(too_large));
  }
}

void PlanBuilder::AddInput(std::string_view name, const Tensor& tensor) {
  inputs_.push_back({std::string(name), tensor});
}

void PlanBuilder::AddOutput(std::string_view name, const Tensor& tensor) {
  outputs_.push_back({std::string(name), tensor});
}

Status PlanBuilder::PlaceActivations(GpuPlan& plan, std::vector<GpuRange>& places) const {
  std::vector<BufferLifetime> lifetimes;
  for (const RegionUse& region : regions_) {
    if (region.bytes > limits_.buffer_bytes)
      return Fail(ErrorCode::kLimitExceeded, "a tensor of " + std::to_string(region.bytes) +
                                                 " bytes, where the device's buffers hold " +
                                                 std::to_string(limits_.buffer_bytes));
    lifetimes.push_back({static_cast<size_t>(region.bytes), region.first, region.last});
  }
  const ArenaRules rules{limits_.offset_alignment,
                         static_cast<size_t>(std::min<uint64_t>(limits_.buffer_bytes, SIZE_MAX))};
  const ArenaPlan arena = PlanArena(lifetimes, rules);
  const uint32_t first = static_cast<uint32_t>(plan.buffers.size());
  for (const size_t page : arena.pages) plan.buffers.push_back({GpuBuffer::Use::kActivations, page});
  for (size_t i = 0; i < regions_.size(); ++i)
    places.push_back({first + static_cast<uint32_t>(arena.page_of[i]), arena.offsets[i], regions_[i].bytes});
  return {};
}

Status PlanBuilder::PlaceWeights(GpuPlan& plan, std::vector<GpuRange>& places) const {
  const uint64_t most = std::min(limits_.buffer_bytes, limits_.binding_bytes);
  for (const WeightUse& weight : weights_) {
    const uint64_t need = RoundUp(weight.bytes, limits_.offset_alignment);
    if (weight.bytes > most)
      return Fail(ErrorCode::kLimitExceeded, "a weight of " + std::to_string(weight.bytes) +
                                                 " bytes, where the device binds " + std::to_string(most));
    if (plan.buffers.empty() || plan.buffers.back().bytes + need > most)
      plan.buffers.push_back({GpuBuffer::Use::kWeights, 0});
    GpuBuffer& buffer = plan.buffers.back();
    places.push_back({static_cast<uint32_t>(plan.buffers.size() - 1), buffer.bytes, weight.bytes});
    plan.uploads.push_back({places.back(), weight.fill});
    buffer.bytes += need;
  }
  return {};
}

Result<GpuPlan> PlanBuilder::Finish() {
  GpuPlan plan;
  plan.half_storage = options_.half_storage;
  std::vector<GpuRange> weight_places, region_places;
  DECAL_TRY(PlaceWeights(plan, weight_places));
  DECAL_TRY(PlaceActivations(plan, region_places));
  const auto place = [&](const Region& region, uint64_t offset, uint64_t bytes) {
    const GpuRange& whole = (region.weight ? weight_places : region_places)[region.id];
    // Rounded up to whole quads, a binding may stand over the end of a region that was rounded likewise.
    return GpuRange{whole.buffer, whole.offset + offset, std::min(bytes, whole.bytes - offset)};
  };
  for (Dispatch& made : dispatches_) {
    for (const Binding& b : made.bindings) made.dispatch.bindings.push_back(place(b.region, b.offset, b.bytes));
    plan.dispatches.push_back(std::move(made.dispatch));
  }
  plan.pipelines = std::move(pipelines_);
  plan.uniforms = std::move(uniforms_);
  plan.steps = std::move(steps_);
  const auto describe = [&](const NamedTensor& named) {
    const uint64_t bytes = static_cast<uint64_t>(named.tensor.shape.elements()) * sizeof(float);
    return GpuTensor{named.name,
                     {named.tensor.shape.begin(), named.tensor.shape.end()},
                     place(named.tensor.region, static_cast<uint64_t>(named.tensor.offset) * sizeof(float), bytes)};
  };
  for (const NamedTensor& input : inputs_) plan.inputs.push_back(describe(input));
  for (const NamedTensor& output : outputs_) plan.outputs.push_back(describe(output));
  return plan;
}

}  // namespace decal::gpu
