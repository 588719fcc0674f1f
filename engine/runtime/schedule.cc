// Building and running a schedule.
// SPDX-License-Identifier: MIT
#include "engine/runtime/schedule.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <set>

#include "engine/base/memory_plan.h"
#include "engine/plan/storage.h"
#include "engine/runtime/cpu_kernels.h"

namespace decal {
namespace {

double NowMs() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Constants from this size on are released once their packed form exists. Smaller ones (biases, slopes, shapes) stay,
// because the passes of a later specialisation read them and they take little memory.
constexpr size_t kReleaseBytes = 64 << 10;

class Builder {
 public:
  Builder(const Graph& graph, PackedWeights& packed, ThreadRunner& runner)
      : graph_(graph), packed_(packed), runner_(runner), storage_(PlanStorage(graph)) {
    for (size_t i = 0; i < graph.inputs.size(); ++i) input_index_.emplace_back(graph.inputs[i], i);
  }

  Status MakeSteps(std::vector<Step>& steps) {
    LayOutArena();
    CountConstantUses();
    step_of_.assign(graph_.nodes.size(), SIZE_MAX);
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      if (storage_.elided[n]) continue;
      step_of_[n] = steps.size();
      const Node& node = graph_.nodes[n];
      // Constructed instead of assigned: assigning a variant adds 5 kB of WebAssembly.
      Step& step = steps.emplace_back(Step{.op = node.op, .name = node.name});
      for (ValueId v : node.inputs) step.inputs.push_back(Bind(v));
      for (ValueId v : node.outputs) step.outputs.push_back(Bind(v));
    }
    for (size_t n : KernelOrder()) {
      const Node& node = graph_.nodes[n];
      Step* step = storage_.elided[n] ? nullptr : &steps[step_of_[n]];
      if (step != nullptr) DECAL_TRY(MakeStepKernel(node, *step));
      ReleaseConstants(node, step);
    }
    return {};
  }

  Binding Bind(ValueId v) const {
    Binding binding;
    if (v == kNoValue) return binding;
    const Value& value = graph_.values[v];
    const Placement& placement = storage_.placements[v];
    binding.view.dtype = value.type.dtype;
    binding.view.shape = *value.type.shape;
    binding.view.strides = placement.strides;
    const ptrdiff_t offset =
        static_cast<ptrdiff_t>(placement.offset) * static_cast<ptrdiff_t>(SizeOf(value.type.dtype));
    const Value& root = graph_.values[placement.root];
    if (root.constant) {
      binding.source = Binding::Source::kConstant;
      if (root.constant->buffer.data() != nullptr && !IsStoredHalf(placement.root))
        binding.view.data = root.constant->buffer.data() + offset;
      return binding;
    }
    for (const auto& [id, index] : input_index_) {
      if (id != placement.root) continue;
      binding.source = Binding::Source::kInput;
      binding.index = index;
      binding.offset_bytes = static_cast<size_t>(offset);
      return binding;
    }
    binding.source = Binding::Source::kArena;
    binding.offset_bytes = arena_offset_[placement.root] + static_cast<size_t>(offset);
    return binding;
  }

  // Where the result of a constant half weight is, for steps that read it without packing.
  Status Widen(ValueId v, Binding& binding) {
    const ValueId root = storage_.placements[v].root;
    if (!IsStoredHalf(root)) return {};
    constexpr int64_t kWidened[] = {3};  // in addition to the formats of cpu/indirect_conv_kernel.cc
    const ConstantPtr& constant = graph_.values[root].constant;
    const size_t bytes = static_cast<size_t>(constant->shape.elements()) * sizeof(float);
    DECAL_TRY_ASSIGN(
        auto wide, packed_.Get(constant, PackingId(kWidened), bytes,
                               [&](const TensorView& source, std::byte* to) { std::memcpy(to, source.data, bytes); }));
    binding.view.data = wide->data() + storage_.placements[v].offset * static_cast<int64_t>(sizeof(float));
    widened_.push_back(std::move(wide));
    return {};
  }

  std::vector<std::shared_ptr<const Buffer>> widened() const { return widened_; }
  const ArenaPlan& arena() const { return arena_; }
  // Memory that runs still read.
  std::set<ConstantPtr> live_constants() const { return live_constants_; }

 private:
  // Nodes in an order in which those that share a weight follow each other, so that its raw form is freed before the
  // next weight is packed. (A backbone that runs at two scales uses each weight twice, hundreds of steps apart.)
  std::vector<size_t> KernelOrder() const {
    std::map<const ConstantTensor*, std::vector<size_t>> users;
    for (size_t n = 0; n < graph_.nodes.size(); ++n)
      if (const ConstantPtr weight = WeightOf(graph_.nodes[n])) users[weight.get()].push_back(n);
    std::vector<size_t> order;
    std::vector<bool> taken(graph_.nodes.size(), false);
    const auto take = [&](size_t n) {
      if (!taken[n]) order.push_back(n);
      taken[n] = true;
    };
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      take(n);
      if (const ConstantPtr weight = WeightOf(graph_.nodes[n]))
        for (size_t user : users[weight.get()]) take(user);
    }
    return order;
  }

  // The constant that the kernel of `node` packs, which is not read afterwards; or null.
  ConstantPtr WeightOf(const Node& node) const {
    const size_t i = FactsOf(node.op).packed_input;
    return i < node.inputs.size() && graph_.IsConstant(node.inputs[i]) ? graph_.values[node.inputs[i]].constant
                                                                       : nullptr;
  }

  Status MakeStepKernel(const Node& node, Step& step) {
    AnnounceLastUse(node);
    KernelResult kernel = MakeKernelFor(node, step);
    if (!kernel) {
      Error error = std::move(kernel).error();
      if (error.where.empty()) error.where = node.name;
      return std::unexpected(std::move(error));
    }
    step.kernel = *std::move(kernel);
    DECAL_TRY(WidenInputs(node, step));
    return CheckReadable(step);
  }

  void LayOutArena() {
    std::vector<BufferLifetime> lifetimes;
    std::vector<ValueId> roots;
    for (ValueId v = 0; v < storage_.root_bytes.size(); ++v) {
      if (storage_.root_bytes[v] == 0) continue;
      lifetimes.push_back({storage_.root_bytes[v], storage_.first_use[v], storage_.last_use[v]});
      roots.push_back(v);
    }
    arena_ = PlanArena(lifetimes);
    arena_offset_.assign(graph_.values.size(), 0);
    for (size_t i = 0; i < roots.size(); ++i) arena_offset_[roots[i]] = arena_.offsets[i];
  }

  void CountConstantUses() {
    for (const Node& node : graph_.nodes)
      for (ValueId v : node.inputs)
        if (graph_.IsConstant(v)) ++constant_uses_[graph_.values[v].constant.get()];
    for (ValueId v : graph_.outputs) Keep(v);
  }

  bool IsStoredHalf(ValueId v) const {
    const Value& value = graph_.values[v];
    return value.constant != nullptr && value.constant->dtype != value.type.dtype;
  }

  Status WidenInputs(const Node& node, Step& step) {
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (node.inputs[i] != kNoValue && (step.kernel == nullptr || step.kernel->reads_input(i)))
        DECAL_TRY(Widen(node.inputs[i], step.inputs[i]));
    return {};
  }

  void Keep(ValueId v) {
    if (IsStoredHalf(storage_.placements[v].root)) return;  // its widened copy serves
    const ConstantPtr& constant = graph_.values[storage_.placements[v].root].constant;
    if (constant) live_constants_.insert(constant);
  }

  void AnnounceLastUse(const Node& node) {
    const ConstantPtr weight = WeightOf(node);
    const bool last = weight != nullptr && constant_uses_[weight.get()] == 1 &&
                      weight->buffer.size_bytes() >= kReleaseBytes && !live_constants_.contains(weight);
    packed_.GiveUpNext(last ? weight.get() : nullptr);
  }

  KernelResult MakeKernelFor(const Node& node, const Step& step) {
    std::vector<Operand> inputs, outputs;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      Operand& operand = inputs.emplace_back();
      operand.present = node.inputs[i] != kNoValue;
      if (!operand.present) continue;
      operand.view = step.inputs[i].view;
      operand.constant = graph_.values[node.inputs[i]].constant;
    }
    for (const Binding& binding : step.outputs) outputs.push_back({true, binding.view, nullptr});
    return MakeKernel(node.op, {inputs, outputs, packed_, runner_});
  }

  // An earlier specialisation may have released a weight that this one, with other kernels, needs to read.
  static Status CheckReadable(const Step& step) {
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const Binding& input = step.inputs[i];
      const bool released = input.source == Binding::Source::kConstant && input.view.data == nullptr;
      if (released && (step.kernel == nullptr || step.kernel->reads_input(i)))
        return Fail(ErrorCode::kInternal, "a weight is needed again after it was packed: load the model again",
                    step.name);
    }
    return {};
  }

  // After the last kernel that uses it was made, a constant that no kernel reads returns its memory.
  void ReleaseConstants(const Node& node, const Step* step) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId v = node.inputs[i];
      if (v == kNoValue) continue;
      const bool reads = step == nullptr || step->kernel == nullptr || step->kernel->reads_input(i);
      if (reads) Keep(v);
      if (!graph_.IsConstant(v)) continue;
      const ConstantPtr& constant = graph_.values[v].constant;
      if (--constant_uses_[constant.get()] == 0 && !live_constants_.contains(constant) &&
          constant->buffer.size_bytes() >= kReleaseBytes) {
        // Constants are immutable. Releasing packed weights is the only exception, and PackedWeights still provides
        // them.
        const_cast<ConstantTensor&>(*constant).buffer = Buffer();
      }
    }
  }

  const Graph& graph_;
  PackedWeights& packed_;
  ThreadRunner& runner_;
  StoragePlan storage_;
  ArenaPlan arena_;
  std::vector<size_t> arena_offset_;  // by root
  std::vector<size_t> step_of_;  // by node; SIZE_MAX if the node needs no step
  std::vector<std::pair<ValueId, size_t>> input_index_;
  std::map<const ConstantTensor*, size_t> constant_uses_;
  std::set<ConstantPtr> live_constants_;
  std::vector<std::shared_ptr<const Buffer>> widened_;
};

// Shapes of a step for people: "[1,3,256,256] -> [1,16,128,128]".
std::string ShapesText(const Step& step) {
  std::string text;
  for (size_t i = 0; i < step.inputs.size(); ++i) {
    const Binding& input = step.inputs[i];
    if (input.source == Binding::Source::kAbsent || input.source == Binding::Source::kConstant) continue;
    text += (text.empty() ? "" : " ") + input.view.shape.ToString();
  }
  return text + " -> " + (step.outputs.empty() ? "" : step.outputs[0].view.shape.ToString());
}

}  // namespace

Result<Schedule> Schedule::Build(const Graph& graph, PackedWeights& packed, ThreadRunner& runner) {
  Schedule schedule;
  const size_t threads = runner.thread_count();
  Builder builder(graph, packed, runner);
  DECAL_TRY(builder.MakeSteps(schedule.steps_));
  for (ValueId v : graph.outputs) {
    schedule.outputs_.push_back(builder.Bind(v));
    DECAL_TRY(builder.Widen(v, schedule.outputs_.back()));
  }
  schedule.widened_ = builder.widened();

  size_t scratch = 0, widest_in = 0, widest_out = 0;
  for (const Step& step : schedule.steps_) {
    if (step.kernel) scratch = std::max(scratch, step.kernel->scratch_bytes_per_thread());
    widest_in = std::max(widest_in, step.inputs.size());
    widest_out = std::max(widest_out, step.outputs.size());
  }
  schedule.in_.reserve(widest_in);
  schedule.out_.reserve(widest_out);
  schedule.scratch_stride_ = AlignUp(scratch);
  DECAL_TRY_ASSIGN(schedule.arena_, Buffer::Allocate(builder.arena().arena_bytes, "activations"));
  DECAL_TRY_ASSIGN(schedule.scratch_, Buffer::Allocate(schedule.scratch_stride_ * threads, "kernel scratch"));

  size_t raw_bytes = 0;
  for (const ConstantPtr& constant : builder.live_constants()) {
    raw_bytes += constant->buffer.size_bytes();
    schedule.constants_.push_back(constant);
  }
  schedule.memory_.weights_bytes = packed.total_bytes() + raw_bytes;
  schedule.memory_.arena_bytes = builder.arena().arena_bytes;
  schedule.memory_.lower_bound_bytes = builder.arena().lower_bound_bytes;
  schedule.memory_.scratch_bytes = schedule.scratch_stride_ * threads;
  return schedule;
}

Status Schedule::Run(std::span<const void* const> inputs, std::span<void* const> outputs, ThreadRunner& runner,
                     const CancelFlag* cancel, std::vector<double>* step_ms) {
  const auto resolve = [&](const Binding& binding) -> const std::byte* {
    switch (binding.source) {
      case Binding::Source::kAbsent: return nullptr;
      case Binding::Source::kArena: return arena_.data() + binding.offset_bytes;
      case Binding::Source::kConstant: return static_cast<const std::byte*>(binding.view.data);
      case Binding::Source::kInput: return static_cast<const std::byte*>(inputs[binding.index]) + binding.offset_bytes;
    }
    return nullptr;
  };
  const CpuContext context{runner, scratch_.data(), scratch_stride_};
  if (step_ms) step_ms->clear();
  for (const Step& step : steps_) {
    if (cancel && cancel->load(std::memory_order_relaxed))
      return Fail(ErrorCode::kCancelled, "cancelled by the caller");
    in_.clear();
    out_.clear();
    for (const Binding& binding : step.inputs) {
      in_.push_back(binding.view);
      in_.back().data = resolve(binding);
    }
    for (const Binding& binding : step.outputs) {
      const TensorView& view = binding.view;
      out_.push_back({const_cast<std::byte*>(resolve(binding)), view.dtype, view.shape, view.strides});
    }
    const double start = step_ms ? NowMs() : 0;
    if (step.kernel) {
      step.kernel->Run(in_, out_, context);
    } else if (Status status = RunReference(step.op, in_, out_); !status) {
      return Fail(status.error().code, status.error().message, step.name);
    }
    if (step_ms) step_ms->push_back(NowMs() - start);
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs[i] == nullptr) continue;
    const TensorView& view = outputs_[i].view;  // graph outputs are row-major, and dense unless they are slices
    const std::byte* from = resolve(outputs_[i]);
    const Strides dense = DenseStrides(view.shape, Layout::kRowMajor);
    const size_t size = SizeOf(view.dtype);
    if (SamePlaces(view.shape, view.strides, dense)) {
      std::memcpy(outputs[i], from, static_cast<size_t>(view.shape.elements()) * size);
      continue;
    }
    for (StridedIndex<2> e(view.shape, {view.strides, dense}); e.valid(); e.Next())
      std::memcpy(static_cast<std::byte*>(outputs[i]) + static_cast<size_t>(e.offset(1)) * size,
                  from + e.offset(0) * static_cast<ptrdiff_t>(size), size);
  }
  return {};
}

std::vector<StepInfo> Schedule::Describe() const {
  std::vector<StepInfo> infos;
  for (const Step& step : steps_) {
    StepInfo info;
    info.op = OpName(step.op);
    info.name = step.name;
    info.algorithm = step.kernel ? step.kernel->algorithm() : "scalar reference";
    if (step.kernel) info.choice = step.kernel->choice();
    info.shapes = ShapesText(step);
    info.multiply_adds = step.kernel ? step.kernel->multiply_adds() : 0;
    for (const Binding& out : step.outputs)
      info.output_bytes += static_cast<size_t>(out.view.shape.elements()) * SizeOf(out.view.dtype);
    infos.push_back(std::move(info));
  }
  return infos;
}

}  // namespace decal
