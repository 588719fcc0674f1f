// Frames as PNG files and as raw bytes.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <charconv>
#include <filesystem>
#include <span>
#include <system_error>

#include <fmt/format.h>

#include "cli/file_io.h"
#include "cli/picture_io.h"
#include "cli/report.h"
#include "cli/video/sinks.h"

namespace decal::cli {
namespace {

namespace fs = std::filesystem;

// frames/%05d.png: what is before the number, its digits, what is after it.
struct FramePattern {
  std::string before, after;
  int digits = 0;
};

std::optional<FramePattern> ParsePattern(const std::string& path) {
  const size_t percent = path.find('%');
  if (percent == std::string::npos || path.find('%', percent + 1) != std::string::npos) return std::nullopt;
  const size_t letter = path.find('d', percent);
  if (letter == std::string::npos) return std::nullopt;
  FramePattern pattern{path.substr(0, percent), path.substr(letter + 1), 0};
  if (letter == percent + 1) return pattern;
  const char* end = path.data() + letter;
  const auto [stop, error] = std::from_chars(path.data() + percent + 1, end, pattern.digits);
  if (error != std::errc{} || stop != end || pattern.digits < 1 || pattern.digits > 12) return std::nullopt;
  return pattern;
}

class FrameFiles final : public FrameSink {
 public:
  FrameFiles(FramePattern pattern, bool opaque) : pattern_(std::move(pattern)), opaque_(opaque) {}

  Status Write(VideoFrame frame) override {
    const std::string path = fmt::format("{}{:0{}}{}", pattern_.before, ++count_, pattern_.digits, pattern_.after);
    const auto file =
        EncodePicture(frame.view(), {.channels = opaque_ ? PictureChannels::kRgb : PictureChannels::kRgba});
    if (!file) return std::unexpected(InFile(file.error(), path));
    return WriteFile(path, *file);
  }
  Status WriteSound(AvPtr<AVPacket>) override { return {}; }
  Status Finish() override { return {}; }

 private:
  FramePattern pattern_;
  bool opaque_;
  int64_t count_ = 0;
};

class Raw final : public FrameSink {
 public:
  Status Write(VideoFrame frame) override {
    return WriteFile(kStandardStream, std::as_bytes(std::span(frame.rgba.get(), frame.bytes())));
  }
  Status WriteSound(AvPtr<AVPacket>) override { return {}; }
  Status Finish() override { return {}; }
};

}  // namespace

bool IsFramePattern(const std::string& path) { return path.ends_with(".png"); }

Status CheckFramePattern(const std::string& path) {
  if (ParsePattern(path)) return {};
  return Fail(ErrorCode::kInvalidArgument, "pictures need one place for the frame's number, as in frames/%05d.png",
              path);
}

Result<std::unique_ptr<FrameSink>> CreateFrameFiles(const std::string& path, bool opaque) {
  const auto pattern = ParsePattern(path);
  if (!pattern) return std::unexpected(CheckFramePattern(path).error());
  const fs::path folder = fs::path(pattern->before + "0").parent_path();
  std::error_code error;
  if (!folder.empty() && !fs::is_directory(folder, error)) fs::create_directory(folder, error);
  if (!folder.empty() && !fs::is_directory(folder))
    return Fail(ErrorCode::kIo, fmt::format("cannot make the folder: {}", error.message()), folder.string());
  return std::make_unique<FrameFiles>(*pattern, opaque);
}

std::unique_ptr<FrameSink> RawOutput() { return std::make_unique<Raw>(); }

}  // namespace decal::cli
