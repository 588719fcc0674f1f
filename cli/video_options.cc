// Options of videos in CLI11.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/video_options.h"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "border/rules.h"
#include "cli/colour_text.h"
#include "cli/cut_options.h"
#include "decal/backdrop.h"

namespace decal::cli {
namespace {

constexpr const char* kVideoExamples = R"(Examples:
  decal video clip.mp4 -o clip.webm                        VP9 with transparency
  decal video clip.mp4 -o clip.mov                         ProRes 4444, for editors
  decal video clip.mp4 -o clip.mp4 --background '#00b140'  H.264
  decal video clip.mp4 -o clip.mp4 --background blur:20    the room out of focus; or a picture's file
  decal video clip.mp4 -o frames/%05d.png                  a picture each
  ffmpeg -i clip.mp4 -f rawvideo -pix_fmt rgb24 - | decal video - --size 1280x720 -o - > frames.rgba)";

// All of a text as a number of that kind.
template <class T>
std::optional<T> WholeText(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "1280x720".
bool ReadFrameSize(std::string_view text, Extent& size) {
  const size_t cross = text.find('x');
  if (cross == text.npos) return false;
  const auto width = WholeText<int>(text.substr(0, cross)), height = WholeText<int>(text.substr(cross + 1));
  if (!width || !height || *width < 1 || *height < 1 || *width > 16384 || *height > 16384) return false;
  if (int64_t{*width} * *height > int64_t{1} << 26) return false;
  size = {*width, *height};
  return true;
}

// "30", "29.97" or "30000/1001".
bool ReadRate(std::string_view text, VideoOptions& options) {
  const size_t slash = text.find('/');
  const auto above = WholeText<double>(text.substr(0, slash));
  const auto below = slash == text.npos ? 1.0 : WholeText<double>(text.substr(slash + 1));
  if (!above || !below || !(*below > 0) || !(*above / *below >= 0.01) || !(*above / *below <= 1000)) return false;
  const bool whole = std::floor(*above) == *above && std::floor(*below) == *below && *above < 1e6 && *below < 1e6;
  options.rate_num = static_cast<int>(whole ? *above : std::lround(*above / *below * 1000));
  options.rate_den = static_cast<int>(whole ? *below : 1000);
  return true;
}

constexpr float kUsualBlur = 12;

// A colour, "blur", "blur:20", or an existing picture.
Status ReadBackground(const std::string& text, VideoOptions& options) {
  constexpr std::string_view kBlur = "blur";
  if (text == kBlur) {
    options.blur = kUsualBlur;
    return {};
  }
  if (text.starts_with("blur:")) {
    const auto pixels = WholeText<float>(std::string_view(text).substr(kBlur.size() + 1));
    if (!pixels || !(*pixels >= 1 && *pixels <= kMostBlur))
      return Fail(ErrorCode::kInvalidArgument,
                  fmt::format("--background: '{}' is no blur of 1 to 100 pixels: blur:12", text));
    options.blur = *pixels;
    return {};
  }
  options.composite.background = ParseColour(text);
  if (options.composite.background) return {};
  std::error_code error;
  if (!std::filesystem::exists(text, error)) {
    return Fail(
        ErrorCode::kInvalidArgument,
        fmt::format("--background: '{}' is neither a colour nor an existing file: use #rrggbb, #rrggbbaa, r,g,b, a "
                    "CSS name, a picture's file, blur or blur:PIXELS",
                    text));
  }
  options.backdrop = text;
  return {};
}

}  // namespace

void AddVideoOptions(CLI::App& app, VideoTexts& texts, VideoOptions& options) {
  app.footer(kVideoExamples);
  options.composite.decontaminate = true;
  CompositeOptions& composite = options.composite;
  app.add_option("video", options.input, "A video file, or - for raw frames on standard input")->required();
  app.add_option("-o,--output", options.output,
                 "File that ends in .webm, .mkv, .mov or .mp4, frames/%05d.png, or - for raw RGBA on standard output")
      ->required()
      ->type_name("PATH");
  app.add_option("--background", texts.background,
                 "Background (required for .mp4): a colour (#rrggbb, r,g,b or a CSS name), a picture's file, or blur, "
                 "which blurs the frame itself: blur:PIXELS, 1 to 100 (default: 12)")
      ->type_name("COLOUR|FILE|blur");
  app.add_flag("--mask", composite.mask_only, "Write the matte as grey frames instead");
  app.add_flag("--frame-by-frame", options.frame_by_frame, "Do not steady mattes over time");
  app.add_option("--quality", options.quality, "Quality of VP9 and H.264, 1 to 100 (default: 75)")
      ->check(Obeys(rules::kCommandQuality))
      ->type_name("Q");
  app.add_option(
         "--refine", texts.refine,
         "How precisely edges follow the picture: off, or fast or best, which may flicker with noise (default: off)")
      ->check(CLI::IsMember({"off", "fast", "best"}))
      ->type_name("HOW");
  AddSubjectOptions(app, composite.decontaminate, composite.background_only, composite.threshold,
                    composite.remove_islands, composite.fill_holes);
  app.add_option("--grow", composite.grow,
                 "Move the outline outwards by this many pixels, or inwards if negative, -50 to 50")
      ->check(Within(rules::kOutputGrow))
      ->type_name("PIXELS");
  AddThreads(app, options.threads);
  app.add_flag("--json", options.json, "Print one line of JSON at the end");
  app.add_flag("-q,--quiet", options.quiet, "Print errors only");
  constexpr const char* kRaw = "Raw frames";
  app.add_option("--size", texts.size, "Size of raw frames: 1280x720")->type_name("WxH")->group(kRaw);
  app.add_option("--pixel-format", options.pixel_format,
                 "Pixel format, by FFmpeg's name: rgb24, rgba, bgra, yuv420p, nv12 (default: rgb24)")
      ->type_name("FORMAT")
      ->group(kRaw);
  app.add_option("--fps", texts.rate, "Frame rate of the output: 30, 29.97 or 30000/1001 (default: 25)")
      ->type_name("RATE")
      ->group(kRaw);
  app.add_option("--model", options.model.model,
                 "Name (see decal models) or path of an .onnx file (default: people-live)")
      ->type_name("MODEL")
      ->group("Model");
  AddModelOptions(app, options.model);
}

Status ReadVideoTexts(const VideoTexts& texts, VideoOptions& options) {
  CompositeOptions& composite = options.composite;
  // With `fast`, a still photo with noise of sigma 6 changes six times as much from frame to frame (bench/video.mjs).
  composite.refine = texts.refine == "best" ? Refine::kBest : texts.refine == "fast" ? Refine::kFast : Refine::kOff;
  if (!texts.background.empty()) {
    if (Status read = ReadBackground(texts.background, options); !read) return read;
  }
  if (!texts.size.empty() && !ReadFrameSize(texts.size, options.size)) {
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("--size: '{}' is not a size: 1280x720, at most 2^26 pixels", texts.size));
  }
  if (!texts.rate.empty() && !ReadRate(texts.rate, options))
    return Fail(ErrorCode::kInvalidArgument,
                fmt::format("--fps: '{}' is not a rate: 30, 29.97 or 30000/1001", texts.rate));
  const bool raw = options.input == "-";
  std::error_code missing;
  if (!raw && std::filesystem::equivalent(options.input, options.output, missing))
    return Fail(ErrorCode::kInvalidArgument, "would overwrite the video " + options.input);
  if (raw && texts.size.empty()) return Fail(ErrorCode::kInvalidArgument, "raw frames need --size, as 1280x720");
  if (!raw && (!texts.size.empty() || !texts.rate.empty()))
    return Fail(ErrorCode::kInvalidArgument, "--size and --fps are for raw frames, which come from -");
  return {};
}

}  // namespace decal::cli
