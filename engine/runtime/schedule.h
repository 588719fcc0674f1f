// An executable plan: kernels with their operands, the arena they share, and its memory in bytes.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "decal/session.h"
#include "engine/ir/graph.h"
#include "engine/cpu/kernel.h"

namespace decal {

// Where the memory of an operand comes from at the start of a run.
struct Binding {
  enum class Source : uint8_t { kAbsent, kArena, kConstant, kInput } source = Source::kAbsent;
  size_t index = 0;        // of the graph input
  size_t offset_bytes = 0;  // in the arena or the input
  TensorView view;          // shape and strides; data for constants
};

struct Step {
  Op op;
  std::string name;
  std::unique_ptr<CpuKernel> kernel;  // null: the scalar reference
  std::vector<Binding> inputs, outputs;
};

class Schedule {
 public:
  // Plans `graph` (specialised, laid out). Packed weights are taken from `packed` and added to it. Constants that only
  // packed kernels use release their memory (`graph` shares them). The threads of `runner`, which will also run the
  // schedule, share the packing.
  static Result<Schedule> Build(const Graph& graph, PackedWeights& packed, ThreadRunner& runner);

  // `inputs` and `outputs` are dense row-major, one per graph input and output; a null output is dropped.
  Status Run(std::span<const void* const> inputs, std::span<void* const> outputs, ThreadRunner& runner,
             const CancelFlag* cancel, std::vector<double>* step_ms);

  const MemoryPlan& memory() const { return memory_; }
  std::vector<StepInfo> Describe() const;

 private:
  std::vector<Step> steps_;
  std::vector<Binding> outputs_;
  std::vector<ConstantPtr> constants_;  // those that steps read while running
  std::vector<std::shared_ptr<const Buffer>> widened_;  // copies of weights stored as float16, for the same
  Buffer arena_, scratch_;
  size_t scratch_stride_ = 0;
  MemoryPlan memory_;
  // Operand views of the step in progress: reserved for the widest step, so that Run never allocates.
  std::vector<TensorView> in_;
  std::vector<MutableTensorView> out_;
};

}  // namespace decal
