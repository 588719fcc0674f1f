// decal run: one tensor through a model, timed, for engine work.
// SPDX-License-Identifier: MIT
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.h"
#include "cli/file_io.h"
#include "cli/interrupt.h"
#include "cli/json_object.h"
#include "cli/model_source.h"
#include "cli/npy.h"
#include "cli/profile.h"
#include "cli/report.h"
#include "decal/session.h"
#include "decal/version.h"

namespace decal::cli {
namespace {

// Height and width of a picture tensor, laid out as the model says: [1,H,W,C] if only its last dimension can be a number
// of channels, else [1,C,H,W]; the rule of Session::Specialize. 0, 0 for tensors that are no pictures.
std::pair<int64_t, int64_t> PictureSize(const std::vector<int64_t>& model, const std::vector<int64_t>& tensor) {
  if (tensor.size() != 4 || model.size() != 4) return {0, 0};
  const auto channels = [&](size_t i) { return model[i] >= 1 && model[i] <= 4; };
  const size_t height = channels(3) && !channels(1) ? 1 : 2;
  return {tensor[height], tensor[height + 1]};
}

// Linux counts in KiB. getrusage knows the peak too, but a process inherits it from the one that started it: under a
// benchmark that holds 200 MB nothing would need less.
size_t PeakBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "VmHWM:") continue;
    size_t kib = 0;
    status >> kib;
    return kib * 1024;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<size_t>(usage.ru_maxrss) * 1024;
}

struct Timings {
  double load_ms = 0, plan_ms = 0;
  std::vector<double> run_ms;
};

Result<NpyArray> LoadNpy(const std::string& path) {
  const auto file = ReadWholeFile(path);
  if (!file) return std::unexpected(file.error());
  return ParseNpy(*file, path);
}

Status Measure(const RunOptions& options, ThreadRunner& runner) {
  const Result<NpyArray> input = LoadNpy(options.input);
  if (!input) return std::unexpected(input.error());

  Timings timings;
  Stopwatch stopwatch;
  auto model = LoadModel(options.model);
  if (!model) return std::unexpected(model.error());
  if (Status chosen = ChooseTensors(*model); !chosen) return chosen;
  Session& session = model->session;
  timings.load_ms = stopwatch.Lap();
  if (session.inputs().size() != 1) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("has {} inputs: give all but one a value (--model-value)", session.inputs().size()),
                options.model.model);
  }
  const auto [height, width] = PictureSize(session.inputs()[0].shape, input->shape);
  stopwatch.Lap();
  if (const Status planned = session.Specialize(height, width, runner); !planned) {
    return std::unexpected(InFile(planned.error(), options.model.model));
  }
  timings.plan_ms = stopwatch.Lap();
  if (session.inputs()[0].shape != input->shape) {
    return Fail(ErrorCode::kShapeMismatch,
                fmt::format("shape [{}] does not fit the model's [{}]", fmt::join(input->shape, ", "),
                            fmt::join(session.inputs()[0].shape, ", ")),
                options.input);
  }

  const std::vector<int64_t>& output_shape = session.outputs()[0].shape;
  size_t output_elements = 1;
  for (const int64_t extent : output_shape) output_elements *= static_cast<size_t>(extent);
  std::vector<float> output(output_elements);
  const std::array<std::span<const float>, 1> inputs = {input->values};
  const std::array<std::span<float>, 1> outputs = {output};  // further outputs are dropped
  std::vector<double> step_ms;
  Profile profile(session.steps());
  for (int i = -options.warm_up; i < options.repeat; ++i) {
    stopwatch.Lap();
    const Status ran =
        session.Run(inputs, outputs, {.cancel = &Cancelled(), .step_ms = options.profile ? &step_ms : nullptr});
    const double run_ms = stopwatch.Lap();
    if (!ran) return std::unexpected(InFile(ran.error(), options.model.model));
    if (i < 0) continue;
    timings.run_ms.push_back(run_ms);
    if (options.profile) profile.Add(step_ms, run_ms);
  }
  const size_t peak_bytes = PeakBytes();  // of loading, planning and running
  const Status written = WriteFile(options.output, FormatNpy(output_shape, output));
  if (!written) return written;

  if (options.profile) fmt::print(stderr, "{}", profile.ToText(HowItRan(runner)));
  std::vector<std::string> all;
  all.reserve(timings.run_ms.size());
  for (const double ms : timings.run_ms) all.push_back(fmt::format("{:.3f}", ms));
  const std::string run_ms = JsonObject()
                                 .AddDecimal(keys::kMin, *std::ranges::min_element(timings.run_ms), 3)
                                 .AddDecimal(keys::kMedian, Median(timings.run_ms), 3)
                                 .AddRaw(keys::kAll, JsonArray(all))
                                 .ToString();
  const std::string memory = JsonObject()
                                 .Add(keys::kWeights, session.memory().weights_bytes)
                                 .Add(keys::kArena, session.memory().arena_bytes)
                                 .Add(keys::kPeak, peak_bytes)
                                 .ToString();
  fmt::print("{}\n", JsonObject()
                         .AddDecimal(keys::kLoadMs, timings.load_ms, 3)
                         .AddDecimal(keys::kPlanMs, timings.plan_ms, 3)
                         .AddRaw(keys::kRunMs, run_ms)
                         .AddRaw(keys::kMemoryBytes, memory)
                         .Add(keys::kThreads, runner.thread_count())
                         .Add(keys::kSimd, SimdTarget())
                         .ToString());
  return {};
}

}  // namespace

int RunTensor(const RunOptions& options) {
  const auto runner = MakeThreadPool(static_cast<size_t>(options.threads));
  const Status measured = Measure(options, *runner);
  if (measured) return kExitOk;
  PrintError(measured.error());
  return Cancelled() ? kExitInterrupted : kExitFailed;
}

}  // namespace decal::cli
