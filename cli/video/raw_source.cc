// Whole frames out of a pipe that gives bytes as it likes.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/video/raw_source.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "cli/report.h"
#include "cli/video/convert.h"

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
}

namespace decal::cli {
namespace {

constexpr const char* kWhere = "standard input";
// How long a wait for bytes may last before an interrupt is looked for: the signal may go to another thread.
constexpr int kPollMs = 100;

class RawSource final : public FrameSource {
 public:
  explicit RawSource(const CancelFlag& cancel) : cancel_(&cancel) {}

  Status Open(Extent size, const std::string& pixel_format, AVRational frame_rate);
  const VideoInfo& info() const override { return info_; }
  Result<std::optional<VideoItem>> Next() override;

 private:
  // How many bytes of the next frame are there: all, or none at the end.
  Result<size_t> Fill();

  const CancelFlag* cancel_;
  VideoInfo info_;
  std::vector<uint8_t> bytes_;
  AvPtr<AVFrame> raw_{av_frame_alloc()};
  FrameConverter converter_;
  int64_t frames_ = 0;
};

Status RawSource::Open(Extent size, const std::string& pixel_format, AVRational frame_rate) {
  const AVPixelFormat format = av_get_pix_fmt(pixel_format.c_str());
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(format);
  if (description == nullptr || sws_isSupportedInput(format) == 0 || (description->flags & AV_PIX_FMT_FLAG_PAL) != 0 ||
      (description->flags & AV_PIX_FMT_FLAG_HWACCEL) != 0) {
    return Fail(
        ErrorCode::kInvalidArgument,
        fmt::format("--pixel-format: '{}' is none that is read: rgb24, rgba, bgra, yuv420p, nv12, ...", pixel_format));
  }
  const int bytes = av_image_get_buffer_size(format, size.width, size.height, 1);
  if (bytes <= 0 || !raw_) return Fail(ErrorCode::kInvalidArgument, "--size: no frame can be that large");
  constexpr size_t kPadding = 256;  // libswscale's vectors may read a little beyond
  bytes_.resize(static_cast<size_t>(bytes) + kPadding);
  raw_->format = format;
  raw_->width = size.width;
  raw_->height = size.height;
  av_image_fill_arrays(raw_->data, raw_->linesize, bytes_.data(), format, size.width, size.height, 1);
  info_.width = size.width;
  info_.height = size.height;
  info_.frame_rate = frame_rate;
  info_.time_base = av_inv_q(frame_rate);
  info_.colours = ColoursOf(*raw_);
  return {};
}

Result<size_t> RawSource::Fill() {
  const size_t whole = static_cast<size_t>(
      av_image_get_buffer_size(static_cast<AVPixelFormat>(raw_->format), raw_->width, raw_->height, 1));
  size_t filled = 0;
  while (filled < whole) {
    if (*cancel_ || stopped()) return Fail(ErrorCode::kCancelled, "interrupted", kWhere);
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, kPollMs) == 0) continue;
    const ssize_t got = read(STDIN_FILENO, bytes_.data() + filled, whole - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return AvFail(AVERROR(errno), "cannot read", kWhere, ErrorCode::kIo);
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  if (filled != 0 && filled != whole) {
    return Fail(ErrorCode::kCorruptImage,
                fmt::format("ends within frame {}: {} of {} bytes; are --size and --pixel-format right?", frames_ + 1,
                            filled, whole),
                kWhere);
  }
  return filled;
}

Result<std::optional<VideoItem>> RawSource::Next() {
  auto filled = Fill();
  if (!filled) return std::unexpected(filled.error());
  if (*filled == 0 && frames_ == 0) return Fail(ErrorCode::kCorruptImage, "there is not one frame in it", kWhere);
  if (*filled == 0) return std::nullopt;
  auto frame = VideoFrame::Create(info_.width, info_.height);
  if (!frame) return std::unexpected(frame.error());
  if (Status converted = converter_.ToRgba(*raw_, frame->view()); !converted)
    return std::unexpected(InFile(converted.error(), kWhere));
  frame->time = frames_++;
  frame->duration = 1;
  return VideoItem{*std::move(frame), nullptr};
}

}  // namespace

Result<std::unique_ptr<FrameSource>> OpenRawFrames(Extent size, const std::string& pixel_format, AVRational frame_rate,
                                                   const CancelFlag& cancel) {
  auto source = std::make_unique<RawSource>(cancel);
  if (Status opened = source->Open(size, pixel_format, frame_rate); !opened) return std::unexpected(opened.error());
  return source;
}

}  // namespace decal::cli
