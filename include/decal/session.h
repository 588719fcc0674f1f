// Load a model, compile it for an input size, know its memory, run it.
// SPDX-License-Identifier: MIT
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

// A model's input or output. Shapes are in the model's own order; -1 is a size that is not known before Specialize.
struct TensorInfo {
  std::string name;
  std::string dtype;  // the file's: "f32", "f16", "u8"; Run takes and gives float32 for all
  std::vector<int64_t> shape;
};

// What a session holds once it is compiled for a size, in bytes. Complete before the first run.
struct MemoryPlan {
  size_t weights_bytes = 0;      // constants, packed or raw
  size_t arena_bytes = 0;        // all activations
  size_t scratch_bytes = 0;      // working memory of kernels, over all threads
  size_t lower_bound_bytes = 0;  // the most activation bytes alive at one time: no arena can be smaller

  size_t total_bytes() const { return weights_bytes + arena_bytes + scratch_bytes; }
};

// One line of the schedule, for `decal inspect` and for profiles.
struct StepInfo {
  std::string op;
  std::string name;
  std::string algorithm;
  std::string choice;  // the algorithms compared, with the cost of each; the chosen one first
  std::string shapes;
  uint64_t multiply_adds = 0;
  size_t output_bytes = 0;
};

// Set it to true, from any thread, to end a run between two layers.
using CancelFlag = std::atomic<bool>;

// Reads a model piece by piece, so that memory never holds the whole file and its weights at the same time.
class ModelStream {
 public:
  ModelStream();
  ModelStream(ModelStream&&) noexcept;
  ModelStream& operator=(ModelStream&&) noexcept;
  ~ModelStream();

  // Parses the next bytes of the file. After an error, all further calls fail.
  Status Feed(std::span<const std::byte> bytes);
  // Ends the model's own file and returns the names of the files with further weights (ONNX calls them external data),
  // relative to its folder and never outside of it; usually none. Call Open(index) before feeding each from its first byte; Open
  // again starts over. Files may be larger than 2 GB. Errors: as Load.
  Result<std::vector<std::string>> OtherFiles();
  Status Open(size_t file);

 private:
  friend class Session;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One model on the CPU. Not thread-safe: one call at a time.
//   Load -> Specialize(height, width) -> Run, Run, ... ; call Specialize again for another size.
class Session {
 public:
  // Parses a whole ONNX file. Errors: kCorruptModel; kUnsupportedOperator, which lists every missing operator with the
  // names of its nodes; kLimitExceeded; kOutOfMemory; kNotFound if weights lie in other files: a ModelStream takes those.
  static Result<Session> Load(std::span<const std::byte> onnx);
  // The same, from a stream that has received all bytes.
  static Result<Session> Load(ModelStream stream);

  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  const std::vector<TensorInfo>& inputs() const;
  const std::vector<TensorInfo>& outputs() const;

  // Sets all elements of an input to a constant for every run; its dynamic dimensions become 1. inputs() no longer
  // lists it. Errors: kNotFound, which lists the inputs; kInvalidArgument after Specialize or for the last input.
  Status FixInput(std::string_view name, float value);
  // Keeps this output and drops the others, with the nodes that only they need. Errors: kNotFound, which lists the outputs;
  // kInvalidArgument after Specialize.
  Status KeepOutput(std::string_view name);

  // Compiles the model for an input size in pixels: fixes all shapes, plans the schedule and all memory, packs the
  // weights. 0, 0 uses the model's own fixed size. `runner` must outlive the session. Errors: kShapeMismatch if the
  // model's size is fixed to another one or shapes inside the model do not match; kOutOfMemory. After an error the session is as
  // it was before the call.
  Status Specialize(int64_t height, int64_t width, ThreadRunner& runner = SerialRunner());
  // Bytes of raw weights and other constants that are in memory now.
  size_t raw_weight_bytes() const;

  // The graph as text, one operator per line, for an input of that size (0, 0: the model's own), after the pass named
  // `after`; an empty name means after all passes. Errors: as Specialize; kInvalidArgument for an unknown pass, with the
  // list of names, and for a model of fixed size after Specialize, which keeps only the final graph.
  Result<std::string> PrintGraph(int64_t height, int64_t width, std::string_view after) const;

  // Plans the model for a WebGPU device with those limits and an input of that size (0, 0: the model's own). Nothing
  // runs, and the session does not change. The plan's uploads refer to the session's weights, so call this before
  // Specialize, which packs them. Errors: as Specialize; kUnsupportedOperator, which names every operator without a
  // WebGPU kernel; kLimitExceeded if a tensor exceeds the device.
  Result<GpuPlan> PlanGpu(int64_t height, int64_t width, const GpuLimits& limits, const GpuOptions& options) const;

  const MemoryPlan& memory() const;  // after Specialize
  const std::vector<StepInfo>& steps() const;  // after Specialize

  // Computes the outputs from the inputs: dense float32, in the order and shape of inputs() and outputs(). An output
  // whose span is empty is computed and dropped. `step_ms`, if given, receives the time of every step in milliseconds.
  // Errors: kShapeMismatch for a wrong number of values, kCancelled.
  struct RunOptions {
    const CancelFlag* cancel = nullptr;
    std::vector<double>* step_ms = nullptr;
  };
  Status Run(std::span<const std::span<const float>> inputs, std::span<const std::span<float>> outputs,
             const RunOptions& options);
  // Computes the first output from the first input. Further outputs are computed and dropped.
  Status Run(std::span<const float> input, std::span<float> output);

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace decal
