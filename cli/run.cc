// decal run: one tensor through a model, timed, for engine work.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.h"
#include "cli/file_io.h"
#include "cli/interrupt.h"
#include "cli/model_source.h"
#include "cli/npy.h"
#include "cli/report.h"
#include "decal/session.h"
#include "decal/version.h"

namespace decal::cli {
namespace {

// Height and width of a picture tensor, laid out as the model says: [1,H,W,C] if only its last extent can be a number
// of channels, else [1,C,H,W]; the rule of Session::Specialize. 0, 0 for tensors that are no pictures.
std::pair<int64_t, int64_t> PictureSize(const std::vector<int64_t>& model, const std::vector<int64_t>& tensor) {
  if (tensor.size() != 4 || model.size() != 4) return {0, 0};
  const auto channels = [&](size_t i) { return model[i] >= 1 && model[i] <= 4; };
  const size_t height = channels(3) && !channels(1) ? 1 : 2;
  return {tensor[height], tensor[height + 1]};
}

size_t PeakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<size_t>(usage.ru_maxrss) * 1024;  // Linux counts in KiB
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void PrintProfile(const std::vector<StepInfo>& steps, const std::vector<double>& step_ms) {
  for (size_t i = 0; i < steps.size() && i < step_ms.size(); ++i) {
    const double gflops = 2e-6 * static_cast<double>(steps[i].multiply_adds) / std::max(step_ms[i], 1e-6);
    fmt::print(stderr, "{:>4} {:>9.3f} ms {:>7.1f} GF/s  {:<18} {:<16} {}  {}\n", i, step_ms[i], gflops, steps[i].op,
               steps[i].algorithm, steps[i].shapes, steps[i].name);
  }
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
  Session& session = model->session;
  timings.load_ms = stopwatch.Lap();
  if (session.inputs().size() != 1) {
    return Fail(ErrorCode::kInvalidArgument, fmt::format("has {} inputs, run feeds one", session.inputs().size()),
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
  for (int i = 0; i < options.repeat; ++i) {
    stopwatch.Lap();
    const Status ran =
        session.Run(inputs, outputs, {.cancel = &Cancelled(), .step_ms = options.profile ? &step_ms : nullptr});
    timings.run_ms.push_back(stopwatch.Lap());
    if (!ran) return std::unexpected(InFile(ran.error(), options.model.model));
  }
  const size_t peak_bytes = PeakBytes();  // of loading, planning and running
  const Status written = WriteFile(options.output, FormatNpy(output_shape, output));
  if (!written) return written;

  if (options.profile) PrintProfile(session.steps(), step_ms);
  fmt::print(
      R"({{"load_ms":{:.3f},"plan_ms":{:.3f},"run_ms":{{"min":{:.3f},"median":{:.3f}}},)"
      R"("memory_bytes":{{"weights":{},"arena":{},"peak":{}}},"threads":{},"simd":{}}})"
      "\n",
      timings.load_ms, timings.plan_ms, *std::ranges::min_element(timings.run_ms), Median(timings.run_ms),
      session.memory().weights_bytes, session.memory().arena_bytes, peak_bytes, runner.thread_count(),
      JsonString(SimdTarget()));
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
