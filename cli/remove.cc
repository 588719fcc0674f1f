// decal photo.jpg ...: pictures in, cut-outs out, with one model; decoding and encoding run beside the network.
// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/cutter.h"
#include "cli/file_io.h"
#include "cli/interrupt.h"
#include "cli/jobs.h"
#include "cli/json_object.h"
#include "cli/picture_io.h"
#include "cli/pipeline.h"
#include "cli/report.h"

namespace decal::cli {
namespace {

// From any thread, whose own `runner` it is, or null.
Result<Done> Write(const Job& job, Cutout cutout, const CutOptions& options, ThreadRunner* runner) {
  Stopwatch stopwatch;
  const auto file = EncodeCutout(cutout, options, runner);
  if (!file) return std::unexpected(file.error());
  if (Cancelled()) return Fail(ErrorCode::kCancelled, "interrupted");
  if (const Status written = WriteFile(job.output, *file); !written) return std::unexpected(written.error());
  cutout.done.execution.encode_ms = stopwatch.Lap();
  return std::move(cutout.done);
}

// Lines of JSON go to standard output unless the picture itself does.
void PrintJson(const Job& job, const JsonObject& line) {
  std::FILE* stream = job.output == kStandardStream ? Console() : stdout;
  fmt::print(stream, "{}\n", line.ToString());
  std::fflush(stream);
}

void PrintDone(const RemoveOptions& options, const Job& job, const Done& done, bool bar) {
  // If JSON goes to standard error, nothing else does.
  const bool json_alone = options.json && job.output == kStandardStream;
  for (const std::string& note : done.notes) {
    // Not even --quiet hides that a result shows nothing.
    if (!json_alone && (!options.quiet || note == kNoSubject)) PrintLine(fmt::format("{}: {}", job.input, note));
  }
  if (options.json) {
    PrintJson(job, JsonObject()
                       .Add(keys::kInput, job.input)
                       .Add(keys::kOutput, job.output)
                       .Add(keys::kWidth, done.extent.width)
                       .Add(keys::kHeight, done.extent.height)
                       .AddDecimal(keys::kCoverage, done.coverage, 4)
                       .AddRaw(keys::kBoundingBox, BoxJson(done.bounding_box))
                       .AddRaw(keys::kNotes, JsonStrings(done.notes))
                       .AddRaw(keys::kExecution, done.execution.ToJson()));
  } else if (!options.quiet && !bar) {
    fmt::print(Console(), "{} -> {} ({} x {}): {}\n", job.input, job.output, done.extent.width, done.extent.height,
               done.execution.ToText());
  }
}

// Tells of failures; what is wrong with the model once for all pictures.
class Failures {
 public:
  void Print(const RemoveOptions& options, const Job& job, const Error& error, bool of_model);
  // How many more pictures met what was told already.
  void PrintRepeated() const {
    if (repeated_ > 0) PrintLine(fmt::format("the same for {} more picture{}", repeated_, repeated_ == 1 ? "" : "s"));
  }

 private:
  std::set<std::string> told_;
  size_t repeated_ = 0;
};

void Failures::Print(const RemoveOptions& options, const Job& job, const Error& error, bool of_model) {
  if (!of_model) {
    PrintError(InFile(error, job.input));
  } else if (told_.insert(ErrorCodeName(error.code) + error.where).second) {  // its numbers may differ
    PrintError(error);
  } else {
    ++repeated_;
  }
  if (options.json) {
    const std::string reason =
        JsonObject()
            .Add(keys::kCode, ErrorCodeName(error.code))
            .Add(keys::kMessage, of_model ? fmt::format("{}: {}", error.where, error.message) : error.message)
            .ToString();
    PrintJson(job, JsonObject().Add(keys::kInput, job.input).AddRaw(keys::kError, reason));
  }
}

}  // namespace

int RemoveBackgrounds(const RemoveOptions& given) {
  const auto plan = PlanJobs(given);
  if (!plan) {
    PrintError(plan.error());
    return plan.error().code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailed;
  }
  RemoveOptions options = given;
  options.format = plan->format;
  for (const Error& error : plan->errors) PrintError(error);
  if (!options.quiet) {
    for (const std::string& skipped : plan->skipped) PrintLine(skipped);
  }
  size_t failed = plan->errors.size();
  if (plan->jobs.empty()) return kExitFailed;
  if (plan->jobs[0].output == kStandardStream && isatty(STDOUT_FILENO)) {
    PrintError({ErrorCode::kInvalidArgument, "will not write a picture to the terminal: use -o FILE", {}});
    return kExitUsage;
  }

  Cutter cutter(options.threads, Cancelled());
  Status ready = InitPictures("decal", options.threads);
  if (ready) ready = cutter.Load(options.model);
  if (!ready) {
    PrintError(ready.error());
    return kExitFailed;
  }
  if (NeedsWhite(options) && !options.quiet) {
    fmt::print(Console(), "decal: JPEG has no transparency: the background becomes white (--background chooses)\n");
  }

  ProgressBar bar(options.quiet ? 0 : plan->jobs.size());
  Stopwatch total;
  size_t begun = 0, ended = 0, empty = 0;
  Failures failures;
  const auto report = [&](const Job& job, const Result<Done>& result) -> bool {
    ++ended;
    if (!result || options.json || !result->notes.empty()) bar.Clear();
    if (!result) {
      failures.Print(options, job, result.error(), cutter.IsOfModel(result.error()));
      ++failed;
      return result.error().code != ErrorCode::kCancelled;
    }
    PrintDone(options, job, *result, bar.visible());
    empty += !result->found_subject;
    return true;
  };
  size_t taken = 0;
  CutAll<Job>(
      cutter, options.max_memory,
      [&]() -> std::optional<Job> {
        if (taken == plan->jobs.size()) return {};
        return plan->jobs[taken++];
      },
      [&](const Job& job) { bar.Show(begun++, job.input); },
      [&](const Job& job) { return DecodeFile(job.input, options); },
      [&](Decoded decoded) { return cutter.Cut(std::move(decoded), options); },
      [&](const Job& job, Cutout cutout, ThreadRunner* runner) {
        return Write(job, std::move(cutout), options, runner);
      },
      report);
  if (Cancelled() && (ended < plan->jobs.size() || failed > plan->errors.size())) return kExitInterrupted;
  bar.Clear();
  failures.PrintRepeated();
  if (bar.visible()) {
    fmt::print(Console(), "{} of {} pictures done in {:.1f} s\n", plan->jobs.size() + plan->errors.size() - failed,
               plan->jobs.size() + plan->errors.size(), total.Lap() / 1e3);
  }
  if (failed > 0) return kExitFailed;
  return empty > 0 && options.fail_if_empty ? kExitEmpty : kExitOk;
}

}  // namespace decal::cli
