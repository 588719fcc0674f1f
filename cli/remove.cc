// decal photo.jpg ...: pictures in, cut-outs out, with one model; decoding and encoding run beside the network.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/file_io.h"
#include "cli/interrupt.h"
#include "cli/jobs.h"
#include "cli/json_object.h"
#include "cli/model_source.h"
#include "cli/picture_io.h"
#include "cli/pictures/metadata.h"
#include "cli/pictures/own_profile.h"
#include "cli/report.h"
#include "decal/cutout.h"
#include "decal/version.h"

namespace decal::cli {
namespace {

constexpr const char* kNoSubject = "no subject found";

struct Done {
  Extent extent;
  Execution execution;
  std::vector<std::string> notes;
  float coverage = 0;
  Box bounding_box;
  bool found_subject = true;
};

struct Decoded {
  Picture picture;
  double ms = 0;
};

// A picture that is not written yet. `result` lies in `picture`.
struct Cutout {
  Done done;
  Picture picture;
  bool own = false;  // in the picture's own colours
  ImageView result;
};

class Cutter {
 public:
  Cutter(const RemoveOptions& options, PictureFormat format)
      : options_(options), format_(format), runner_(MakeThreadPool(static_cast<size_t>(options.threads))) {}

  Status Load() {
    auto model = LoadModel(options_.model);
    if (!model) return std::unexpected(model.error());
    auto remover = Remover::Create(std::move(model->session), model->info, *runner_);
    if (!remover) return std::unexpected(InFile(remover.error(), model->name));
    remover_.emplace(*std::move(remover));
    model_name_ = model->name;
    unreported_load_ms_ = stopwatch_.Lap();
    return {};
  }

  // From any thread.
  Result<Decoded> Decode(const Job& job) const {
    Stopwatch stopwatch;
    auto file = ReadPictureFile(job.input, options_.max_memory);
    if (!file) return std::unexpected(file.error());
    auto picture = DecodeInterruptibly(*std::move(file), job.input,
                                       {.max_bytes = options_.max_memory,
                                        .svg_size = options_.svg_size,
                                        .metadata = options_.keep_metadata,
                                        .own_colours = options_.keep_profile,
                                        .target = format_});
    if (!picture) return std::unexpected(picture.error());
    return Decoded{*std::move(picture), stopwatch.Lap()};
  }

  // The cut-out in the picture's place.
  Result<Cutout> Cut(Decoded decoded) {
    Cutout cutout{
        .done = {.execution = {.simd = SimdTarget(), .threads = runner_->thread_count(), .model = model_name_}},
        .picture = std::move(decoded.picture)};
    Done& done = cutout.done;
    Picture& picture = cutout.picture;
    Execution& execution = done.execution;
    execution.decode_ms = decoded.ms;
    if (Cancelled()) return Interrupted();
    stopwatch_.Lap();
    if (const Status prepared = remover_->Prepare({picture.width, picture.height}); !prepared) {
      return OfRun(prepared.error());
    }
    execution.load_ms = stopwatch_.Lap() + std::exchange(unreported_load_ms_, 0);

    done.notes = std::move(picture.notes);
    const MutableImageView view = picture.view();
    const auto report = remover_->Run(view, Composing(Background()), view, &Cancelled());
    if (!report) return OfRun(report.error());
    done.coverage = report->coverage;
    done.bounding_box = report->bounding_box;
    if (!report->found_subject()) done.notes.emplace_back(kNoSubject);
    done.found_subject = report->found_subject();
    execution.preprocess_ms = report->preprocess_ms;
    execution.inference_ms = report->inference_ms;
    execution.postprocess_ms = report->postprocess_ms;
    execution.memory_bytes = report->memory_bytes;

    if (picture.own_rgba && !options_.mask_only) {
      if (Status composed = ComposeOwn(picture); !composed) return std::unexpected(composed.error());
      cutout.own = true;
    }
    cutout.result = Cropped(cutout.own ? picture.own_view() : view, done.bounding_box);
    done.extent = {cutout.result.width, cutout.result.height};
    return cutout;
  }

  // From any thread, whose own `runner` it is, or null.
  Result<Done> Write(const Job& job, Cutout cutout, ThreadRunner* runner) const {
    Stopwatch stopwatch;
    EncodeOptions encode{.format = format_,
                         .channels = Channels(),
                         .quality = options_.quality,
                         .density = cutout.picture.density,
                         .runner = runner};
    if (options_.keep_metadata && !options_.mask_only) {
      encode.metadata = &cutout.picture.metadata;
      for (std::string& left : MetadataLeftOut(cutout.picture.metadata, format_))
        cutout.done.notes.push_back(std::move(left));
    }
    if (cutout.own) encode.profile = cutout.picture.profile;
    const auto file = EncodePicture(cutout.result, encode);
    if (!file) return std::unexpected(file.error());
    if (Cancelled()) return Interrupted();
    if (const Status written = WriteFile(job.output, *file); !written) return std::unexpected(written.error());
    cutout.done.execution.encode_ms = stopwatch.Lap();
    return std::move(cutout.done);
  }

  // While the network does not run.
  ThreadRunner* runner() { return runner_.get(); }

  // Of an error of Cut: any other picture may meet the same.
  bool IsOfModel(const Error& error) const { return IsModelFault(error) && error.where.starts_with(model_name_); }

  // JPEG cannot be transparent: white unless the user says otherwise.
  bool needs_white() const { return format_ == PictureFormat::kJpeg && !options_.background && !options_.mask_only; }

 private:
  // The last matte on the picture in its own colours, instead of the sRGB that the model saw.
  Status ComposeOwn(Picture& picture) {
    auto background = Background();
    if (background) background = ToOwnColour(picture.profile, *background);
    return Composite(picture.own_view(), remover_->matte(), Composing(background), picture.own_view(), *runner_);
  }

  CompositeOptions Composing(std::optional<std::array<uint8_t, 4>> background) const {
    return {.background = background,
            .mask_only = options_.mask_only,
            .refine = options_.refine,
            .decontaminate = options_.decontaminate,
            .background_only = options_.background_only,
            .threshold = options_.threshold,
            .remove_islands = options_.remove_islands,
            .fill_holes = options_.fill_holes};
  }

  static std::unexpected<Error> Interrupted() { return Fail(ErrorCode::kCancelled, "interrupted"); }

  // What preparing or running the model met: a fault of the model's, which the error then names, or of this picture's.
  std::unexpected<Error> OfRun(const Error& error) const {
    return std::unexpected(IsModelFault(error) ? InFile(error, model_name_) : error);
  }

  std::optional<std::array<uint8_t, 4>> Background() const {
    if (format_ != PictureFormat::kJpeg || options_.mask_only) return options_.background;
    // What the colour lets through is white, as in the npm package.
    std::array<uint8_t, 4> colour = options_.background.value_or(std::array<uint8_t, 4>{});
    for (size_t k = 0; k < 3; ++k)
      colour[k] = static_cast<uint8_t>((colour[k] * colour[3] + 255 * (255 - colour[3]) + 127) / 255);
    colour[3] = 255;
    return colour;
  }

  // With --crop the part around the subject, moved to the front of the memory; all of a picture without one.
  MutableImageView Cropped(MutableImageView picture, const Box& subject) const {
    if (!options_.crop || subject == Box{}) return picture;
    // The box is that of the matte, whose cells are this large, and soft edges reach two of them beyond.
    const MatteView matte = remover_->matte();
    const float margin = *options_.crop / 100 * static_cast<float>(std::max(subject.width, subject.height));
    const int across = static_cast<int>(margin) + 2 * picture.width / matte.width + 1;
    const int down = static_cast<int>(margin) + 2 * picture.height / matte.height + 1;
    const int left = std::max(0, subject.x - across), top = std::max(0, subject.y - down);
    const int right = std::min(picture.width, subject.x + subject.width + across);
    const int bottom = std::min(picture.height, subject.y + subject.height + down);
    const size_t row_bytes = size_t{4} * static_cast<size_t>(right - left);
    for (int y = top; y < bottom; ++y) {
      std::memmove(picture.data + static_cast<size_t>(y - top) * row_bytes,
                   picture.row(y) + size_t{4} * static_cast<size_t>(left), row_bytes);
    }
    return {picture.data, right - left, bottom - top, row_bytes};
  }

  PictureChannels Channels() const {
    if (options_.mask_only) return PictureChannels::kGrey;
    const auto background = Background();
    return background && (*background)[3] == 255 ? PictureChannels::kRgb : PictureChannels::kRgba;
  }

  const RemoveOptions& options_;
  const PictureFormat format_;
  std::unique_ptr<ThreadRunner> runner_;  // outlives the remover
  std::optional<Remover> remover_;
  std::string model_name_;
  Stopwatch stopwatch_;
  double unreported_load_ms_ = 0;  // belongs to the first picture
};

// Lines of JSON go to standard output unless the picture itself does.
void PrintJson(const Job& job, const JsonObject& line) {
  std::FILE* stream = job.output == kStandardStream ? Console() : stdout;
  fmt::print(stream, "{}\n", line.ToString());
  std::fflush(stream);
}

std::string BoxJson(const Box& box) {
  if (box == Box{}) return "null";
  return JsonObject()
      .Add(keys::kX, box.x)
      .Add(keys::kY, box.y)
      .Add(keys::kWidth, box.width)
      .Add(keys::kHeight, box.height)
      .ToString();
}

void PrintDone(const RemoveOptions& options, const Job& job, const Done& done, bool bar) {
  // Where JSON goes to standard error, it stands there alone.
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

// One picture after the other through the network, while the next is decoded and the last is encoded. Three are in memory at most, and
// two where one alone takes a quarter of `max_memory`. `begin` and `report` are called on this thread, in the jobs' order.
template <class Begin, class Report>
void CutAll(Cutter& cutter, const std::vector<Job>& jobs, size_t max_memory, const Begin& begin, const Report& report) {
  const size_t large = (max_memory != 0 ? max_memory : DefaultMaxMemory()) / 4;
  const auto decode = [&cutter](const Job& job) {
    return std::async(std::launch::async, [&cutter, &job] { return cutter.Decode(job); });
  };
  std::future<Result<Decoded>> next;
  std::future<Result<Done>> last;
  const Job* written = nullptr;
  bool interrupted = false;
  const auto end = [&](const Job& job, const Result<Done>& result) {
    interrupted = interrupted || (!result && result.error().code == ErrorCode::kCancelled);
    report(job, result);
  };
  const auto finish = [&] {
    if (last.valid()) end(*written, last.get());
  };
  for (size_t i = 0; i < jobs.size() && !interrupted; ++i) {
    const Job& job = jobs[i];
    begin(job);
    auto decoded = next.valid() ? next.get() : cutter.Decode(job);
    const bool more = i + 1 < jobs.size();
    const bool overlaps = decoded && more && decoded->picture.bytes() < large;
    if (overlaps) next = decode(jobs[i + 1]);
    auto cutout = decoded ? cutter.Cut(*std::move(decoded)) : std::unexpected(decoded.error());
    finish();
    if (!cutout) {
      end(job, std::unexpected(cutout.error()));
    } else if (overlaps) {
      written = &job;
      last = std::async(std::launch::async, [&cutter, &job, made = *std::move(cutout)]() mutable {
        return cutter.Write(job, std::move(made), nullptr);
      });
    } else {
      end(job, cutter.Write(job, *std::move(cutout), cutter.runner()));
    }
  }
  finish();
}

}  // namespace

int RemoveBackgrounds(const RemoveOptions& options) {
  const auto plan = PlanJobs(options);
  if (!plan) {
    PrintError(plan.error());
    return plan.error().code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailed;
  }
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

  Cutter cutter(options, plan->format);
  Status ready = InitPictures("decal", options.threads);
  if (ready) ready = cutter.Load();
  if (!ready) {
    PrintError(ready.error());
    return kExitFailed;
  }
  if (cutter.needs_white() && !options.quiet) {
    fmt::print(Console(), "decal: JPEG has no transparency: the background becomes white (--background chooses)\n");
  }

  ProgressBar bar(options.quiet ? 0 : plan->jobs.size());
  Stopwatch total;
  size_t begun = 0, ended = 0, empty = 0;
  Failures failures;
  const auto report = [&](const Job& job, const Result<Done>& result) {
    ++ended;
    if (!result || options.json || !result->notes.empty()) bar.Clear();
    if (!result) {
      failures.Print(options, job, result.error(), cutter.IsOfModel(result.error()));
      ++failed;
      return;
    }
    PrintDone(options, job, *result, bar.visible());
    empty += !result->found_subject;
  };
  CutAll(cutter, plan->jobs, options.max_memory, [&](const Job& job) { bar.Show(begun++, job.input); }, report);
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
