// decal inspect: a model's inputs and outputs, its schedule, its memory plan and its profile.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/inspect_gpu.h"
#include "cli/interrupt.h"
#include "cli/json_object.h"
#include "cli/model_source.h"
#include "cli/profile.h"
#include "cli/report.h"
#include "decal/session.h"
#include "decal/version.h"

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

bool HasDynamicSize(const Session& session) {
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
  fmt::print("\n{} steps, {:.3f} GMACs\n", steps.size(), static_cast<double>(multiply_adds) / 1e9);
}

// Steps that could run in more than one way.
void PrintChoices(const std::vector<StepInfo>& steps) {
  size_t name = 4;
  for (const StepInfo& step : steps) {
    if (!step.choice.empty()) name = std::max(name, step.name.size());
  }
  constexpr const char* kHeading = "ALGORITHMS, thousands of vector instructions each, the chosen one first";
  fmt::print("\n{:>4}  {:<{}}  {}\n", "STEP", "NAME", name, kHeading);
  for (size_t i = 0; i < steps.size(); ++i) {
    if (!steps[i].choice.empty()) fmt::print("{:>4}  {:<{}}  {}\n", i, steps[i].name, name, steps[i].choice);
  }
  fmt::print("\n");
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

// Runs the session on noise: a few kernels take other paths for zeros, and a picture is not needed for times.
Result<Profile> Measure(Session& session, int repeat) {
  std::vector<std::vector<float>> values;
  std::mt19937 random(1);
  std::uniform_real_distribution<float> pixel(-2, 2);  // the range of normalised pictures
  for (const TensorInfo& input : session.inputs()) {
    size_t elements = 1;
    for (const int64_t extent : input.shape) elements *= static_cast<size_t>(extent);
    std::ranges::generate(values.emplace_back(elements), [&] { return pixel(random); });
  }
  const std::vector<std::span<const float>> inputs(values.begin(), values.end());
  Profile profile(session.steps());
  std::vector<double> step_ms;
  for (int i = -1; i < repeat; ++i) {  // one run to warm up
    Stopwatch stopwatch;
    const Status ran = session.Run(inputs, {}, {.cancel = &Cancelled(), .step_ms = &step_ms});
    const double run_ms = stopwatch.Lap();
    if (!ran) return std::unexpected(ran.error());
    if (i >= 0) profile.Add(step_ms, run_ms);
  }
  return profile;
}

std::string TensorsJson(const std::vector<TensorInfo>& tensors) {
  std::vector<std::string> items;
  items.reserve(tensors.size());
  for (const auto& [name, dtype, shape] : tensors) {
    items.push_back(
        JsonObject().Add(keys::kName, name).Add(keys::kDtype, dtype).AddRaw(keys::kShape, JsonArray(shape)).ToString());
  }
  return JsonArray(items);
}

void AddCost(JsonObject& object, const Cost& cost) {
  object.AddDecimal(keys::kMs, cost.ms, 4)
      .AddDecimal(keys::kShare, cost.share, 6)
      .AddDecimal(keys::kGflops, cost.gflops(), 2);
}

// `costs`: of each step, or none.
std::string StepsJson(const std::vector<StepInfo>& steps, const std::vector<Cost>& costs) {
  std::vector<std::string> items;
  for (size_t i = 0; i < steps.size(); ++i) {
    const StepInfo& step = steps[i];
    JsonObject object;
    object.Add(keys::kOp, step.op)
        .Add(keys::kName, step.name)
        .Add(keys::kAlgorithm, step.algorithm)
        .Add(keys::kChoice, step.choice)
        .Add(keys::kShapes, step.shapes)
        .Add(keys::kMultiplyAdds, step.multiply_adds)
        .Add(keys::kOutputBytes, step.output_bytes);
    if (!costs.empty()) AddCost(object, costs[i]);
    items.push_back(object.ToString());
  }
  return JsonArray(items);
}

std::string ProfileJson(const Profile& profile, size_t threads) {
  std::vector<std::string> algorithms;
  for (const auto& [name, steps, cost] : profile.ByAlgorithm()) {
    JsonObject object;
    object.Add(keys::kAlgorithm, name).Add(keys::kSteps, steps).Add(keys::kMultiplyAdds, cost.multiply_adds);
    AddCost(object, cost);
    algorithms.push_back(object.ToString());
  }
  const Cost cost = profile.Total();
  JsonObject total;
  total.Add(keys::kMultiplyAdds, cost.multiply_adds);
  AddCost(total, cost);
  const std::string run_ms = JsonObject()
                                 .AddDecimal(keys::kMin, *std::ranges::min_element(profile.run_ms()), 4)
                                 .AddDecimal(keys::kMedian, Median(profile.run_ms()), 4)
                                 .ToString();
  return JsonObject()
      .Add(keys::kThreads, threads)
      .Add(keys::kSimd, SimdTarget())
      .Add(keys::kRuns, profile.runs())
      .AddRaw(keys::kRunMs, run_ms)
      .AddRaw(keys::kTotal, total.ToString())
      .AddRaw(keys::kAlgorithms, JsonArray(algorithms))
      .ToString();
}

void PrintJson(const Session& session, bool planned, const std::optional<Profile>& profile, size_t threads) {
  JsonObject report;
  report.AddRaw(keys::kInputs, TensorsJson(session.inputs())).AddRaw(keys::kOutputs, TensorsJson(session.outputs()));
  if (planned) {
    const MemoryPlan& memory = session.memory();
    report.AddRaw(keys::kMemoryBytes, JsonObject()
                                          .Add(keys::kWeights, memory.weights_bytes)
                                          .Add(keys::kArena, memory.arena_bytes)
                                          .Add(keys::kScratch, memory.scratch_bytes)
                                          .Add(keys::kTotal, memory.total_bytes())
                                          .Add(keys::kLowerBound, memory.lower_bound_bytes)
                                          .ToString());
    report.AddRaw(keys::kSteps, StepsJson(session.steps(), profile ? profile->StepCosts() : std::vector<Cost>{}));
  }
  if (profile) report.AddRaw(keys::kProfile, ProfileJson(*profile, threads));
  fmt::print("{}\n", report.ToString());
}

int Failed(const InspectOptions& options, const Error& error) {
  PrintError(InFile(error, options.model.model));
  return Cancelled() ? kExitInterrupted : kExitFailed;
}

}  // namespace

int Inspect(const InspectOptions& options) {
  auto model = LoadModel(options.model);
  if (!model) {
    PrintError(model.error());
    return kExitFailed;
  }
  if (const Status chosen = ChooseTensors(*model); !chosen) {
    PrintError(chosen.error());
    return kExitFailed;
  }
  Session& session = model->session;
  if (options.graph) {
    const Result<std::string> graph = session.PrintGraph(options.height, options.width, options.after);
    if (!graph) return Failed(options, graph.error());
    fmt::print("{}", *graph);
    return kExitOk;
  }
  if (options.gpu) return InspectGpu(options, session);
  const bool plannable = options.height > 0 || !HasDynamicSize(session);
  const auto runner = MakeThreadPool(static_cast<size_t>(options.threads));
  std::optional<Profile> profile;
  if (plannable) {
    const Status planned = session.Specialize(options.height, options.width, *runner);
    if (!planned) return Failed(options, planned.error());
  }
  if (options.profile) {
    if (!plannable) {
      return Failed(options,
                    {ErrorCode::kInvalidArgument, "the size is dynamic: --profile needs --height and --width", {}});
    }
    Result<Profile> measured = Measure(session, options.repeat);
    if (!measured) return Failed(options, measured.error());
    profile = std::move(*measured);
  }
  if (options.json) {
    PrintJson(session, plannable, profile, runner->thread_count());
    return kExitOk;
  }
  PrintTensors("input", session.inputs());
  PrintTensors("output", session.outputs());
  if (!plannable) {
    fmt::print("\nThe size is dynamic: --height H --width W show the schedule and the memory plan.\n");
    return kExitOk;
  }
  if (profile) {
    fmt::print("\n{}", profile->ToText(HowItRan(*runner)));
  } else {
    PrintSteps(session.steps());
  }
  if (options.choices) PrintChoices(session.steps());
  PrintMemory(session.memory());
  return kExitOk;
}

}  // namespace decal::cli
