// Decoding, the network and encoding of one picture.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/cutter.h"

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <utility>

#include <fmt/format.h>

#include "cli/interrupt.h"
#include "cli/json_object.h"
#include "cli/model_source.h"
#include "cli/pictures/metadata.h"
#include "cli/pictures/own_profile.h"
#include "decal/heedful_runner.h"
#include "decal/version.h"

namespace decal::cli {
namespace {

std::unexpected<Error> Interrupted() { return Fail(ErrorCode::kCancelled, "interrupted"); }

std::optional<std::array<uint8_t, 4>> BackgroundOf(const CutOptions& options) {
  if (options.format != PictureFormat::kJpeg || options.mask_only) return options.background;
  // A translucent colour is put on white, as in the npm package.
  std::array<uint8_t, 4> colour = options.background.value_or(std::array<uint8_t, 4>{});
  for (size_t k = 0; k < 3; ++k)
    colour[k] = static_cast<uint8_t>((colour[k] * colour[3] + 255 * (255 - colour[3]) + 127) / 255);
  colour[3] = 255;
  return colour;
}

// Before the network, where the result's size does not depend on what it finds.
Status CheckFrame(const Picture& picture, const CutOptions& options) {
  const bool both_sides = options.frame.size.width > 0 && options.frame.size.height > 0;
  if (options.frame == FrameOptions{} || (options.frame.crop && !both_sides)) return {};
  const Extent extent{picture.width, picture.height};
  const auto frame = ChooseFrame(extent, {}, options.frame);
  if (!frame) return std::unexpected(frame.error());
  return CheckResult(frame->extent, extent, picture.bytes(), options);
}

PictureChannels ChannelsOf(const CutOptions& options) {
  if (options.mask_only) return PictureChannels::kGrey;
  const auto background = BackgroundOf(options);
  return background && (*background)[3] == 255 ? PictureChannels::kRgb : PictureChannels::kRgba;
}

CompositeOptions Composing(const CutOptions& options, std::optional<std::array<uint8_t, 4>> background) {
  return {.background = background,
          .mask_only = options.mask_only,
          .refine = options.refine,
          .decontaminate = options.decontaminate,
          .background_only = options.background_only,
          .threshold = options.threshold,
          .remove_islands = options.remove_islands,
          .fill_holes = options.fill_holes,
          .smooth = options.smooth,
          .grow = options.grow,
          .shadow = options.shadow};
}

}  // namespace

Status CheckResult(Extent result, Extent picture, size_t picture_bytes, const CutOptions& options) {
  const auto pixels_of = [](Extent extent) { return int64_t{extent.width} * extent.height; };
  const auto too_large = [&](const std::string& what) {
    return Fail(ErrorCode::kLimitExceeded,
                fmt::format("a result of {} x {} pixels {}", result.width, result.height, what));
  };
  const int64_t pixels = pixels_of(result);
  if (options.max_pixels > 0 && pixels > options.max_pixels)
    return too_large(fmt::format("is over the limit of {} (--max-pixels)", options.max_pixels));
  const double limit = static_cast<double>(options.max_memory != 0 ? options.max_memory : DefaultMaxMemory());
  const double needed = static_cast<double>(picture_bytes) + 4 * static_cast<double>(pixels);
  if (pixels > pixels_of(picture) && needed > limit) {
    return too_large(fmt::format("takes {:.1f} MB with its picture, over the limit of {:.1f} MB (--max-memory)",
                                 needed / 1e6, limit / 1e6));
  }
  return CheckSides(result.width, result.height, options.format.value_or(PictureFormat::kPng));
}

DecodeOptions Decoding(const CutOptions& options) {
  return {.max_bytes = options.max_memory,
          .max_pixels = options.max_pixels,
          .svg_size = options.svg_size,
          .metadata = options.keep_metadata,
          .own_colours = options.keep_profile,
          // With a frame, the result has another size: CheckResult.
          .target = options.frame == FrameOptions{} ? options.format : std::nullopt};
}

Result<Decoded> DecodeFile(const std::string& path, const CutOptions& options) {
  Stopwatch stopwatch;
  auto file = ReadPictureFile(path, options.max_memory);
  if (!file) return std::unexpected(file.error());
  auto picture = DecodeInterruptibly(*std::move(file), path, Decoding(options));
  if (!picture) return std::unexpected(picture.error());
  return Decoded{*std::move(picture), stopwatch.Lap()};
}

Result<std::vector<std::byte>> EncodeCutout(Cutout& cutout, const CutOptions& options, ThreadRunner* runner) {
  Stopwatch stopwatch;
  HeedfulRunner heedful(runner != nullptr ? *runner : SerialRunner(), Cancelled());
  EncodeOptions encode{.format = options.format.value_or(PictureFormat::kPng),
                       .channels = ChannelsOf(options),
                       .quality = options.quality,
                       .density = cutout.picture.density,
                       .runner = &heedful};
  if (options.keep_metadata && !options.mask_only) {
    encode.metadata = &cutout.picture.metadata;
    for (std::string& left : MetadataLeftOut(cutout.picture.metadata, encode.format))
      cutout.done.notes.push_back(std::move(left));
  }
  if (cutout.own) encode.profile = cutout.picture.profile;
  auto file = EncodePicture(cutout.result, encode);
  if (Cancelled()) return Interrupted();
  cutout.done.execution.encode_ms += stopwatch.Lap();
  return file;
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

Status Cutter::Load(const ModelChoice& choice) {
  auto model = LoadModel(choice);
  if (!model) return std::unexpected(model.error());
  auto remover = Remover::Create(std::move(model->session), model->info, *runner_);
  if (!remover) return std::unexpected(InFile(remover.error(), model->name));
  remover_.emplace(*std::move(remover));
  model_name_ = model->name;
  unreported_load_ms_ = stopwatch_.Lap();
  return {};
}

Result<Cutout> Cutter::Cut(Decoded decoded, const CutOptions& options, const CancelFlag* cancel) {
  if (cancel == nullptr) cancel = cancel_;
  Cutout cutout{.done = {.execution = {.simd = SimdTarget(), .threads = runner_->thread_count(), .model = model_name_}},
                .picture = std::move(decoded.picture)};
  Done& done = cutout.done;
  Picture& picture = cutout.picture;
  Execution& execution = done.execution;
  execution.decode_ms = decoded.ms;
  if (*cancel) return Interrupted();
  if (Status fits = CheckFrame(picture, options); !fits) return std::unexpected(fits.error());
  stopwatch_.Lap();
  if (const Status prepared = remover_->Prepare({picture.width, picture.height}); !prepared) {
    return OfRun(prepared.error());
  }
  execution.load_ms = stopwatch_.Lap() + std::exchange(unreported_load_ms_, 0);

  done.notes = std::move(picture.notes);
  // In its own colours instead of the sRGB that the model saw, if requested.
  const bool own = picture.own_rgba && !options.mask_only;
  const MutableImageView view = picture.view();
  auto background = BackgroundOf(options);
  auto report = own ? remover_->Segment(view, cancel, options.refine == Refine::kBest)
                    : remover_->Run(view, Composing(options, background), view, cancel);
  if (!report) return OfRun(report.error());
  if (own) {
    if (background) background = ToOwnColour(picture.profile, *background);
    HeedfulRunner heedful(*runner_, *cancel);
    const Status composed = Composite(picture.own_view(), remover_->matte(), Composing(options, background),
                                      picture.own_view(), heedful, &report->visible);
    if (!composed) return std::unexpected(composed.error());
    if (*cancel) return Interrupted();
    picture.rgba.reset();  // seen by the model, and not shown
  }
  done.coverage = report->coverage;
  done.bounding_box = report->bounding_box;
  if (!report->found_subject()) done.notes.emplace_back(kNoSubject);
  done.found_subject = report->found_subject();
  execution.preprocess_ms = report->preprocess_ms;
  execution.inference_ms = report->inference_ms;
  execution.postprocess_ms = report->postprocess_ms;
  execution.memory_bytes = report->memory_bytes;
  execution.passes = report->passes;

  cutout.own = own;
  stopwatch_.Lap();
  auto shown = Show(picture, own, report->visible, background, options, *cancel);
  if (!shown) return std::unexpected(shown.error());
  cutout.result = *shown;
  execution.postprocess_ms += stopwatch_.Lap();
  done.extent = {cutout.result.width, cutout.result.height};
  return cutout;
}

// What preparing or running the model met: a fault of the model's, which the error then names, or of this picture's.
std::unexpected<Error> Cutter::OfRun(const Error& error) const {
  return std::unexpected(IsModelFault(error) ? InFile(error, model_name_) : error);
}

// The part of the finished picture that --crop and its like ask for, in the picture's place; all of it without them.
Result<ImageView> Cutter::Show(Picture& picture, bool own, const Box& visible,
                               const std::optional<std::array<uint8_t, 4>>& background, const CutOptions& options,
                               const CancelFlag& cancel) {
  const MutableImageView whole = own ? picture.own_view() : picture.view();
  if (options.frame == FrameOptions{}) return whole;
  auto frame = ChooseFrame({whole.width, whole.height}, visible, options.frame);
  if (!frame) return std::unexpected(frame.error());
  if (Status fits = CheckResult(frame->extent, {whole.width, whole.height}, picture.bytes(), options); !fits)
    return std::unexpected(fits.error());
  const auto [width, height] = frame->extent;
  const size_t row_bytes = size_t{4} * static_cast<size_t>(width), bytes = row_bytes * static_cast<size_t>(height);
  std::unique_ptr<uint8_t[]> rgba(new (std::nothrow) uint8_t[bytes]);
  if (!rgba)
    return Fail(ErrorCode::kOutOfMemory, fmt::format("no memory for a result of {} x {} pixels", width, height));
  const MutableImageView out{rgba.get(), width, height, row_bytes};
  const std::array<uint8_t, 4> beyond =
      options.mask_only ? std::array<uint8_t, 4>{0, 0, 0, 255} : background.value_or(std::array<uint8_t, 4>{});
  HeedfulRunner heedful(*runner_, cancel);
  if (Status taken = TakeFrame(whole, *frame, beyond, out, heedful); !taken) return std::unexpected(taken.error());
  if (cancel) return Interrupted();
  (own ? picture.own_rgba : picture.rgba) = std::move(rgba);
  return out;
}

}  // namespace decal::cli
