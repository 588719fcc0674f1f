// decal inspect: what a model takes and gives, what the engine makes of it and what that needs.
#include <algorithm>
#include <cstdio>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.h"
#include "cli/model_source.h"
#include "cli/report.h"
#include "decal/session.h"

namespace decal::cli {
namespace {

// A concat of 64 tensors must not make the whole table as wide.
constexpr size_t kMaxShapesWidth = 60;

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t extent : shape) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", extent < 0 ? "?" : std::to_string(extent));
  }
  return "[" + text + "]";
}

void PrintTensors(const char* kind, const std::vector<TensorInfo>& tensors) {
  for (const TensorInfo& tensor : tensors) {
    fmt::print("{:<8}{}  {} {}\n", kind, tensor.name, tensor.dtype, ShapeText(tensor.shape));
  }
}

bool HasFreeSize(const Session& session) {
  for (const TensorInfo& input : session.inputs()) {
    for (const int64_t extent : input.shape) {
      if (extent < 0) return true;
    }
  }
  return false;
}

void PrintSteps(const std::vector<StepInfo>& steps) {
  size_t op = 2, algorithm = 9, shapes = 6;
  uint64_t multiply_adds = 0;
  for (const StepInfo& step : steps) {
    op = std::max(op, step.op.size());
    algorithm = std::max(algorithm, step.algorithm.size());
    shapes = std::max(shapes, std::min(step.shapes.size(), kMaxShapesWidth));
    multiply_adds += step.multiply_adds;
  }
  fmt::print("\n{:>4}  {:<{}}  {:<{}}  {:>12}  {:>10}  {:<{}}  {}\n", "STEP", "OP", op, "ALGORITHM", algorithm,
             "MUL-ADDS", "OUT BYTES", "SHAPES", shapes, "NAME");
  for (size_t i = 0; i < steps.size(); ++i) {
    const StepInfo& step = steps[i];
    fmt::print("{:>4}  {:<{}}  {:<{}}  {:>12}  {:>10}  {:<{}}  {}\n", i, step.op, op, step.algorithm, algorithm,
               step.multiply_adds, step.output_bytes, step.shapes, shapes, step.name);
  }
  fmt::print("\n{} steps, {:.3f} G multiply-adds\n", steps.size(), static_cast<double>(multiply_adds) / 1e9);
}

void PrintMemory(const MemoryPlan& memory) {
  const auto line = [](const char* what, size_t bytes, const char* note) {
    fmt::print("  {:<12}{:>14}  {}\n", what, bytes, note);
  };
  fmt::print("memory, in bytes\n");
  line("weights", memory.weights_bytes, "constants, as the kernels read them");
  line("arena", memory.arena_bytes, "all activations");
  line("scratch", memory.scratch_bytes, "kernels' working memory, all threads");
  line("total", memory.total_bytes(), "");
  line("lower bound", memory.lower_bound_bytes, "most activation bytes alive at once");
}

}  // namespace

int Inspect(const InspectOptions& options) {
  auto model = LoadModel(options.model);
  if (!model) {
    PrintError(model.error());
    return kExitFailed;
  }
  Session& session = model->session;
  if (options.graph) {
    const Result<std::string> graph = session.PrintGraph(options.height, options.width, options.after);
    if (!graph) {
      PrintError(InFile(graph.error(), options.model.model));
      return kExitFailed;
    }
    fmt::print("{}", *graph);
    return kExitOk;
  }
  const bool plannable = options.height > 0 || !HasFreeSize(session);
  const auto runner = MakeThreadPool(static_cast<size_t>(options.threads));
  if (plannable) {
    if (const Status planned = session.Specialize(options.height, options.width, *runner); !planned) {
      PrintError(InFile(planned.error(), options.model.model));
      return kExitFailed;
    }
  }
  PrintTensors("input", session.inputs());
  PrintTensors("output", session.outputs());
  if (!plannable) {
    fmt::print("\nThe size is free: --height H --width W show the schedule and the memory plan.\n");
    return kExitOk;
  }
  PrintSteps(session.steps());
  PrintMemory(session.memory());
  return kExitOk;
}

}  // namespace decal::cli
