// decal video: frames in, cut out one after the other, frames out; decoding and encoding run beside the network.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/file_io.h"
#include "cli/interrupt.h"
#include "cli/json_object.h"
#include "cli/model_source.h"
#include "cli/picture_io.h"
#include "cli/report.h"
#include "cli/video/backdrop.h"
#include "cli/video/file_source.h"
#include "cli/video/progress.h"
#include "cli/video/queue.h"
#include "cli/video/raw_source.h"
#include "cli/video/sinks.h"
#include "decal/cutout.h"
#include "decal/temporal.h"

namespace decal::cli {
namespace {

// Frames that wait before the network, and behind it: enough that neither side stands still for an uneven frame of the other's.
constexpr size_t kWaiting = 2;

// The network and what is made of its matte.
class FrameCutter {
 public:
  explicit FrameCutter(const VideoOptions& options)
      : options_(&options), runner_(MakeThreadPool(static_cast<size_t>(options.threads))) {}

  Status Load();
  // After Load and InitPictures, for frames of that size: what lies behind them.
  Status OpenBackdrop(Extent frame);
  // In place. `cancel` ends it between two layers (kCancelled).
  Status Cut(VideoFrame& frame, const CancelFlag& cancel);

  bool found_subject() const { return found_; }
  const ThreadRunner& runner() const { return *runner_; }
  const std::string& model_name() const { return name_; }

 private:
  const VideoOptions* options_;
  std::unique_ptr<ThreadRunner> runner_;  // outlives the remover
  std::optional<Remover> remover_;
  TemporalMatte temporal_;
  CompositeMemory composing_;
  std::optional<VideoBackdrop> backdrop_;
  std::string name_;
  bool found_ = false;
};

Status FrameCutter::Load() {
  ModelChoice choice = options_->model;
  if (choice.model.empty()) choice.model = "people-live";
  auto model = LoadModel(choice);
  if (!model) return std::unexpected(model.error());
  name_ = model->name;
  auto remover = Remover::Create(std::move(model->session), model->info, *runner_);
  if (!remover) return std::unexpected(InFile(remover.error(), name_));
  remover_.emplace(*std::move(remover));
  return {};
}

Status FrameCutter::OpenBackdrop(Extent frame) {
  if (options_->composite.mask_only) return {};
  if (options_->blur > 0) backdrop_.emplace(VideoBackdrop::Blurred(options_->blur));
  if (options_->backdrop.empty()) return {};
  auto opened = VideoBackdrop::OfPicture(options_->backdrop, frame, *runner_);
  if (!opened) return std::unexpected(opened.error());
  backdrop_.emplace(*std::move(opened));
  return {};
}

Status FrameCutter::Cut(VideoFrame& frame, const CancelFlag& cancel) {
  const MutableImageView view = frame.view();
  auto report = remover_->Segment(view, &cancel);
  if (!report) {
    const Error& error = report.error();
    return std::unexpected(IsModelFault(error) ? InFile(error, name_) : error);
  }
  found_ = found_ || report->found_subject();
  MatteView matte = remover_->matte();
  if (!options_->frame_by_frame) {
    auto steadied = temporal_.Next(view, matte, *runner_);
    if (!steadied) return std::unexpected(steadied.error());
    matte = *steadied;
  }
  if (backdrop_) return backdrop_->Compose(view, matte, options_->composite, composing_, *runner_);
  return Composite(view, matte, options_->composite, view, *runner_, nullptr, &composing_);
}

// A source's frames through a cutter into a sink, each in a thread of its own.
class VideoPipeline {
 public:
  VideoPipeline(FrameSource& source, FrameCutter& cutter, FrameSink& sink, VideoProgress& progress)
      : source_(source), cutter_(cutter), sink_(sink), progress_(progress) {}

  // The first error; kCancelled where it was interrupted, and what was written until then is in the sink.
  Status Run();
  int64_t frames() const { return written_; }

 private:
  using Step = Result<VideoItem>;
  void Read(const CancelFlag& cancel);
  void Write();
  Status CutAll(const CancelFlag& cancel);

  FrameSource& source_;
  FrameCutter& cutter_;
  FrameSink& sink_;
  VideoProgress& progress_;
  BoundedQueue<Step> read_{kWaiting};
  BoundedQueue<VideoItem> cut_{kWaiting};
  Status sink_status_;
  std::atomic<int64_t> written_ = 0;
};

void VideoPipeline::Read(const CancelFlag& cancel) {
  const InterruptedBy interrupted(cancel);
  for (;;) {
    auto item = source_.Next();
    if (!item) {
      read_.Push(std::unexpected(item.error()), false);
      break;
    }
    if (!*item) break;
    const bool heavy = (*item)->frame.has_value();
    if (!read_.Push(**std::move(item), heavy)) return;
  }
  read_.End();
}

void VideoPipeline::Write() {
  while (auto item = cut_.Pop()) {
    const bool is_frame = item->frame.has_value();
    sink_status_ = is_frame ? sink_.Write(*std::move(item->frame)) : sink_.WriteSound(std::move(item->packet));
    if (!sink_status_) return cut_.Stop();
    if (is_frame) ++written_;
  }
}

Status VideoPipeline::CutAll(const CancelFlag& cancel) {
  while (auto step = read_.Pop()) {
    if (!*step) return std::unexpected(step->error());
    VideoItem item = **std::move(step);
    const bool is_frame = item.frame.has_value();
    if (is_frame) {
      if (Status done = cutter_.Cut(*item.frame, cancel); !done) return done;
    }
    if (!cut_.Push(std::move(item), is_frame)) return {};  // the sink has an error
    progress_.Show(written_);
  }
  return {};
}

Status VideoPipeline::Run() {
  const CancelFlag& cancel = Cancelled();
  std::thread reader([&] { Read(cancel); });
  std::thread writer([&] { Write(); });
  const Status done = CutAll(cancel);
  // After an error it may wait for a pipe that gives nothing.
  source_.Stop();
  read_.Stop();
  cut_.End();
  reader.join();
  writer.join();
  if (!sink_status_) return sink_status_;
  return done;
}

Result<std::unique_ptr<FrameSource>> OpenSource(const VideoOptions& options, int threads) {
  if (options.input == kStandardStream)
    return OpenRawFrames(options.size, options.pixel_format, {options.rate_num, options.rate_den}, Cancelled());
  return OpenVideoFile(options.input, threads, Cancelled());
}

bool IsOpaque(const VideoOptions& options) {
  const CompositeOptions& composite = options.composite;
  return composite.mask_only || options.blur > 0 || !options.backdrop.empty() ||
         (composite.background && (*composite.background)[3] == 255);
}

Status CheckOutput(const VideoOptions& options) {
  const std::string& path = options.output;
  if (path == kStandardStream) {
    if (isatty(STDOUT_FILENO) == 0) return {};
    return Fail(ErrorCode::kInvalidArgument, "will not write frames to the terminal: use -o FILE");
  }
  if (IsFramePattern(path)) return CheckFramePattern(path);
  const VideoKind kind = KindOfVideo(path);
  if (kind == VideoKind::kMp4 && !IsOpaque(options)) {
    return Fail(ErrorCode::kInvalidArgument,
                options.composite.background
                    ? "MP4 (H.264) has no transparency, and this --background is translucent: give an opaque one, or "
                      "write .webm or .mov"
                    : "MP4 (H.264) has no transparency: give --background, or write .webm or .mov",
                path);
  }
  if (kind != VideoKind::kNone) return {};
  return Fail(ErrorCode::kInvalidArgument, "an output ends in .webm, .mkv, .mov, .mp4 or .png, or is -", path);
}

Result<std::unique_ptr<FrameSink>> OpenSink(const VideoOptions& options, const VideoInfo& info, int threads,
                                            std::vector<std::string>& notes) {
  const bool opaque = IsOpaque(options);
  const bool is_video = KindOfVideo(options.output) != VideoKind::kNone;
  if (!is_video && !info.sounds.empty() && options.output != kStandardStream)
    notes.emplace_back("its sound is left out: pictures hold none");
  if (options.output == kStandardStream) return RawOutput();
  if (!is_video) return CreateFrameFiles(options.output, opaque);
  return CreateVideoFile(options.output, info, {opaque, options.quality, threads}, notes);
}

// What came of it, on the right stream.
void PrintVideo(const VideoOptions& options, const VideoInfo& info, const FrameCutter& cutter, int64_t frames,
                double seconds) {
  const double rate = static_cast<double>(frames) / std::max(seconds, 1e-6);
  const Extent written = WrittenExtent(KindOfVideo(options.output), {info.width, info.height});
  if (options.json) {
    std::FILE* stream = options.output == kStandardStream ? Console() : stdout;
    fmt::print(stream, "{}\n",
               JsonObject()
                   .Add(keys::kInput, options.input)
                   .Add(keys::kOutput, options.output)
                   .Add(keys::kWidth, written.width)
                   .Add(keys::kHeight, written.height)
                   .Add("frames", frames)
                   .AddDecimal("seconds", seconds, 3)
                   .AddDecimal("framesPerSecond", rate, 1)
                   .Add(keys::kModel, cutter.model_name())
                   .Add(keys::kThreads, cutter.runner().thread_count())
                   .ToString());
    return;
  }
  if (options.quiet) return;
  fmt::print(Console(), "{} -> {} ({} x {}): {} frame{} in {:.1f} s, {:.1f} a second: {}, {}\n", options.input,
             options.output, written.width, written.height, frames, frames == 1 ? "" : "s", seconds, rate,
             HowItRan(cutter.runner()), cutter.model_name());
}

// Frames and the planes of an edge come and go with every frame. The C library would get each anew from the system, page by page, and
// give it back: a tenth of the processor's time.
void KeepMemory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that it takes; frames beyond 8 megapixels come from the system still
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

int Failed(const Error& error) {
  PrintError(error);
  return error.code == ErrorCode::kCancelled ? kExitInterrupted : kExitFailed;
}

}  // namespace

int MakeVideo(const VideoOptions& options) {
  KeepMemory();
  av_log_set_level(AV_LOG_QUIET);  // errors of ours say what its messages are about
  if (const Status output = CheckOutput(options); !output) {
    PrintError(output.error());
    return kExitUsage;
  }
  FrameCutter cutter(options);
  const int threads = static_cast<int>(cutter.runner().thread_count());
  auto source = OpenSource(options, threads);
  if (!source) return Failed(source.error());
  if (const Status loaded = cutter.Load(); !loaded) return Failed(loaded.error());
  if (const Status ready = InitPictures("decal", threads); !ready) return Failed(ready.error());
  const VideoInfo& info = (*source)->info();
  if (const Status behind = cutter.OpenBackdrop({info.width, info.height}); !behind) return Failed(behind.error());
  std::vector<std::string> notes = info.notes;
  auto sink = OpenSink(options, info, threads, notes);
  if (!sink) return Failed(sink.error());
  const auto tell = [&](const std::vector<std::string>& sentences) {
    for (const std::string& note : sentences) {
      if (!options.quiet) PrintLine(fmt::format("{}: {}", options.input, note));
    }
  };
  tell(notes);

  VideoProgress progress(info.frames, options.quiet);
  VideoPipeline pipeline(**source, cutter, **sink, progress);
  const Status done = pipeline.Run();
  progress.Clear();
  const bool interrupted = !done && done.error().code == ErrorCode::kCancelled;
  if (!done && !interrupted) return Failed(done.error());
  if (interrupted && pipeline.frames() == 0) return Failed(done.error());
  if (const Status finished = (*sink)->Finish(); !finished) return Failed(finished.error());
  tell((*source)->Notes());
  if (!cutter.found_subject())
    PrintLine(fmt::format("{}: no subject found in any frame by {}: --model decal-default looks for all kinds",
                          options.input, cutter.model_name()));
  PrintVideo(options, info, cutter, pipeline.frames(), progress.seconds());
  if (!interrupted) return kExitOk;
  PrintLine(fmt::format("interrupted: {} has what was done until then", options.output));
  return kExitInterrupted;
}

}  // namespace decal::cli
