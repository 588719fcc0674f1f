// Load a model, fix its input size, know its memory, run it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "decal/gpu.h"
#include "decal/parallel.h"
#include "decal/result.h"

namespace decal {

// A model's input or output. Shapes are in the model's own order; -1 is unknown before Specialize.
struct TensorInfo {
  std::string name;
  std::string dtype;  // "f32"
  std::vector<int64_t> shape;
};

// What a specialised session holds, in bytes; complete before the first run.
struct MemoryPlan {
  size_t weights_bytes = 0;      // constants, packed or raw
  size_t arena_bytes = 0;        // all activations
  size_t scratch_bytes = 0;      // working memory of kernels, over all threads
  size_t lower_bound_bytes = 0;  // the most activation bytes alive at once: no arena can be smaller

  size_t total_bytes() const { return weights_bytes + arena_bytes + scratch_bytes; }
};

// One line of the schedule, for `decal inspect` and for profiles.
struct StepInfo {
  std::string op;
  std::string name;
  std::string algorithm;
  std::string choice;  // the algorithms compared and what the cost model says of each, the chosen one first
  std::string shapes;
  uint64_t multiply_adds = 0;
  size_t output_bytes = 0;
};

// Set to true, from any thread, to end a run between two layers.
using CancelFlag = std::atomic<bool>;

// A model being read piece by piece: the file is never whole in memory beside its weights.
class ModelStream {
 public:
  ModelStream();
  ModelStream(ModelStream&&) noexcept;
  ModelStream& operator=(ModelStream&&) noexcept;
  ~ModelStream();

  // The next bytes of the file. An error is final.
  Status Feed(std::span<const std::byte> bytes);

 private:
  friend class Session;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One model on the CPU. Not thread-safe: one call at a time.
//   Load -> Specialize(height, width) -> Run, Run, ... ; Specialize again for another size.
class Session {
 public:
  // Parses a whole ONNX file. Errors: kCorruptModel; kUnsupportedOperator listing every operator that
  // is missing, with node names; kLimitExceeded; kOutOfMemory.
  static Result<Session> Load(std::span<const std::byte> onnx);
  // The same from a finished stream.
  static Result<Session> Load(ModelStream stream);

  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  const std::vector<TensorInfo>& inputs() const;
  const std::vector<TensorInfo>& outputs() const;

  // Fixes the size of the picture input (its two spatial extents, in pixels), plans the schedule and
  // all memory, packs the weights. 0, 0 keeps the model's own fixed size. `runner` must outlive the
  // session. Errors: kShapeMismatch if the model's size is fixed to another one or the shapes inside do
  // not fit; kOutOfMemory. After an error the session is as it was before the call.
  Status Specialize(int64_t height, int64_t width, ThreadRunner& runner = SerialRunner());
  // Raw weights and other constants that are in memory now.
  size_t raw_weight_bytes() const;

  // The graph as text, one operator a line, for a picture of that size (0, 0: the model's own) after the pass of
  // that name; an empty name stands for all passes. Errors: as Specialize; kInvalidArgument lists the passes' names, or
  // says that a model of fixed size has been specialised and its earlier forms are gone.
  Result<std::string> PrintGraph(int64_t height, int64_t width, std::string_view after) const;

  // What the model needs on a WebGPU device with those limits, for a picture of that size (0, 0: the model's own).
  // Nothing runs, and the session stays as it is; the plan's uploads refer to the session's weights, so ask before
  // Specialize, which packs them. Errors: as Specialize; kUnsupportedOperator naming every operator without a WebGPU
  // kernel; kLimitExceeded where a tensor exceeds the device.
  Result<GpuPlan> PlanGpu(int64_t height, int64_t width, const GpuLimits& limits, const GpuOptions& options) const;

  const MemoryPlan& memory() const;            // after Specialize
  const std::vector<StepInfo>& steps() const;  // after Specialize

  // Runs all inputs to all outputs: float32, dense, in the order and shape of inputs() and outputs().
  // `step_ms`, if given, receives the time of every step. Errors: kShapeMismatch for a wrong size,
  // kCancelled.
  struct RunOptions {
    const CancelFlag* cancel = nullptr;
    std::vector<double>* step_ms = nullptr;
  };
  Status Run(std::span<const std::span<const float>> inputs, std::span<const std::span<float>> outputs,
             const RunOptions& options);
  // The first input to the first output; further outputs are computed and dropped.
  Status Run(std::span<const float> input, std::span<float> output);

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace decal
