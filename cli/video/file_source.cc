// Demultiplexing and decoding; what is wrong with a file is found here.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/video/file_source.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "cli/report.h"
#include "cli/video/convert.h"

extern "C" {
#include <libavutil/display.h>
#include <libavutil/pixdesc.h>
}

namespace decal::cli {
namespace {

// 8192 x 8192: seven frames of that size, which is what is in work at a time, take 1.9 GB.
constexpr int64_t kMostPixels = int64_t{1} << 26;
// More frame threads hold more frames, and the network has the same cores.
constexpr int kMostDecoderThreads = 4;
// Containers of video, by their names in libavformat. Others would make a video of any text, or open what a playlist names.
constexpr const char* kContainers =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,flv,live_flv,asf,nut,gif,yuv4mpegpipe,mxf,dv,"
    "ivf,"
    "h264,hevc,av1,obu,m4v,apng,rm,wtv,gxf,mjpeg,amv,bink,smk,swf,vc1,r3d,webp_pipe";

class FileSource final : public FrameSource {
 public:
  FileSource(std::string path, const CancelFlag& cancel) : path_(std::move(path)), cancel_(&cancel) {}

  Status Open(int threads);
  const VideoInfo& info() const override { return info_; }
  Result<std::optional<VideoItem>> Next() override;
  std::vector<std::string> Notes() const override;

 private:
  bool interrupted() const { return *cancel_ || stopped(); }
  Status OpenDecoder(int threads);
  void Describe();
  // A frame that the decoder has ready; false where it wants more, or has no more.
  Result<bool> Decode();
  Result<VideoFrame> Convert();
  Status Send(const AVPacket* packet);
  Status CheckEnd() const;
  std::unexpected<Error> CutOff() const {
    return Fail(ErrorCode::kCorruptImage, "ends before its time: the file is cut off or damaged", path_);
  }
  AVStream* stream() const { return input_->streams[video_]; }
  int64_t Shifted(int64_t time, AVRational base) const;

  std::string path_;
  const CancelFlag* cancel_;
  AvPtr<AVFormatContext> input_;
  AvPtr<AVCodecContext> decoder_;
  AvPtr<AVFrame> decoded_{av_frame_alloc()};
  int video_ = -1;
  std::vector<int> sounds_;  // by stream: which of info_.sounds, or -1
  VideoInfo info_;
  FrameConverter converter_;
  Orientation orientation_;
  std::optional<VideoFrame> unturned_;
  int64_t next_time_ = 0;  // where a frame has no time of its own, and the least one may have
  int64_t frames_ = 0, damaged_ = 0;
  int64_t end_ = 0;  // of all packets so far, in AV_TIME_BASE
  bool ended_ = false;
};

// What is there, is a file and may be read: libavformat's own errors say less.
Status CheckFile(const std::string& path) {
  struct stat found;
  if (stat(path.c_str(), &found) != 0) return AvFail(AVERROR(errno), "cannot open", path, ErrorCode::kIo);
  if (S_ISDIR(found.st_mode)) return Fail(ErrorCode::kInvalidArgument, "a folder, not a video", path);
  return {};
}

// An EBML number of 1 to 8 bytes at `at`, which moves past it; with its marker bit for IDs. Nothing where the bytes end.
std::optional<uint64_t> TakeEbmlNumber(std::span<const uint8_t> bytes, size_t& at, bool keep_marker) {
  if (at >= bytes.size() || bytes[at] == 0) return std::nullopt;
  const auto length = static_cast<size_t>(std::countl_zero(bytes[at])) + 1;
  if (at + length > bytes.size()) return std::nullopt;
  uint64_t value = keep_marker ? bytes[at] : bytes[at] & (0xffu >> length);
  for (size_t i = 1; i < length; ++i) value = value << 8 | bytes[at + i];
  at += length;
  // All ones: a live recording that does not know its size.
  const bool unknown = !keep_marker && value == (uint64_t{1} << (7 * length)) - 1;
  return unknown ? std::numeric_limits<uint64_t>::max() : value;
}

// Whether a Matroska file is shorter than its segment says. Its demuxer takes the end of the file for the end of the video.
bool IsCutMatroska(const std::string& path) {
  std::array<uint8_t, 4096> head;
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(head.data()), head.size());
  const std::span<const uint8_t> bytes(head.data(), static_cast<size_t>(file.gcount()));
  std::error_code error;
  const uint64_t file_size = std::filesystem::file_size(path, error);
  size_t at = 0;
  while (!error) {
    const auto id = TakeEbmlNumber(bytes, at, true), size = TakeEbmlNumber(bytes, at, false);
    if (!id || !size || *size == std::numeric_limits<uint64_t>::max()) return false;
    if (*id == 0x18538067) return at + *size > file_size;
    if (*size > bytes.size()) return false;
    at += *size;
  }
  return false;
}

Status FileSource::Open(int threads) {
  if (Status there = CheckFile(path_); !there) return there;
  AVFormatContext* context = avformat_alloc_context();
  if (context == nullptr) return Fail(ErrorCode::kOutOfMemory, "no memory to open a video", path_);
  context->interrupt_callback = {[](void* self) { return static_cast<FileSource*>(self)->interrupted() ? 1 : 0; },
                                 this};
  AVDictionary* options = nullptr;
  av_dict_set(&options, "format_whitelist", kContainers, 0);
  av_dict_set(&options, "protocol_whitelist", "file", 0);
  const int opened = avformat_open_input(&context, ("file:" + path_).c_str(), nullptr, &options);
  av_dict_free(&options);
  if (opened < 0) return AvFail(opened, "not a video that can be read", path_, ErrorCode::kCorruptImage);
  input_.reset(context);
  if (std::strstr(input_->iformat->name, "matroska") != nullptr && IsCutMatroska(path_)) return CutOff();
  if (const int read = avformat_find_stream_info(context, nullptr); read < 0)
    return AvFail(read, "not a video that can be read", path_, ErrorCode::kCorruptImage);
  if (Status decoder = OpenDecoder(threads); !decoder) return decoder;
  Describe();
  return {};
}

Status FileSource::OpenDecoder(int threads) {
  // Cover pictures count as video there.
  for (unsigned i = 0; i < input_->nb_streams; ++i) {
    if ((input_->streams[i]->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0)
      input_->streams[i]->discard = AVDISCARD_ALL;
  }
  video_ = av_find_best_stream(input_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (video_ < 0 || stream()->discard == AVDISCARD_ALL)
    return Fail(ErrorCode::kCorruptImage, "there is no video in it", path_);
  const AVCodecParameters& parameters = *stream()->codecpar;
  const AVCodec* codec = avcodec_find_decoder(parameters.codec_id);
  // Alpha of VP8 and VP9 is a second video, which the other decoders overlook.
  const AVDictionaryEntry* alpha = av_dict_get(stream()->metadata, "alpha_mode", nullptr, 0);
  if (alpha != nullptr && std::strcmp(alpha->value, "1") == 0) {
    const char* name = parameters.codec_id == AV_CODEC_ID_VP9 ? "libvpx-vp9" : "libvpx";
    if (const AVCodec* with_alpha = avcodec_find_decoder_by_name(name)) codec = with_alpha;
  }
  if (codec == nullptr) {
    return Fail(ErrorCode::kUnsupported,
                fmt::format("no decoder for its video ({})", avcodec_get_name(parameters.codec_id)), path_);
  }
  decoder_.reset(avcodec_alloc_context3(codec));
  if (!decoder_ || !decoded_) return Fail(ErrorCode::kOutOfMemory, "no memory for a decoder", path_);
  int failed = avcodec_parameters_to_context(decoder_.get(), &parameters);
  decoder_->pkt_timebase = stream()->time_base;
  decoder_->thread_count = std::clamp(threads, 1, kMostDecoderThreads);
  decoder_->max_pixels = kMostPixels;
  if (failed >= 0) failed = avcodec_open2(decoder_.get(), codec, nullptr);
  if (failed < 0)
    return AvFail(failed, fmt::format("its video ({}) cannot be decoded", codec->name), path_,
                  ErrorCode::kCorruptImage);
  if (parameters.width <= 0 || parameters.height <= 0)
    return Fail(ErrorCode::kCorruptImage, "its video has no size", path_);
  if (int64_t{parameters.width} * parameters.height > kMostPixels) {
    return Fail(ErrorCode::kLimitExceeded,
                fmt::format("frames of {} x {}: at most 2^26 pixels", parameters.width, parameters.height), path_);
  }
  return {};
}

void FileSource::Describe() {
  const AVCodecParameters& parameters = *stream()->codecpar;
  info_.width = parameters.width;
  info_.height = parameters.height;
  info_.time_base = stream()->time_base;
  info_.frame_rate = av_guess_frame_rate(input_.get(), stream(), nullptr);
  if (const AVRational shape = av_guess_sample_aspect_ratio(input_.get(), stream(), nullptr); shape.num > 0)
    info_.pixel_shape = shape;
  if (const uint8_t* matrix = av_stream_get_side_data(stream(), AV_PKT_DATA_DISPLAYMATRIX, nullptr)) {
    int32_t values[9];
    std::memcpy(values, matrix, sizeof(values));
    if (!OrientationOf(values, orientation_))
      info_.notes.emplace_back("is to be turned by an angle that is not a right one: left as it is");
  }
  if (orientation_.transpose) {
    std::swap(info_.width, info_.height);
    std::swap(info_.pixel_shape.num, info_.pixel_shape.den);
  }
  // The stream's own description; a frame's may be more exact, but comes after the output has begun.
  decoded_->colorspace = parameters.color_space;
  decoded_->color_primaries = parameters.color_primaries;
  decoded_->color_trc = parameters.color_trc;
  decoded_->color_range = parameters.color_range;
  decoded_->format = parameters.format;
  decoded_->width = parameters.width;
  decoded_->height = parameters.height;
  info_.colours = ColoursOf(*decoded_);
  av_frame_unref(decoded_.get());
  if (info_.colours.transfer == AVCOL_TRC_SMPTE2084 || info_.colours.transfer == AVCOL_TRC_ARIB_STD_B67)
    info_.notes.emplace_back("its colours are HDR: kept in 8 bits, and the model sees them as they are");
  info_.frames = stream()->nb_frames;
  if (info_.frames == 0 && input_->duration > 0 && info_.frame_rate.num > 0)
    info_.frames = av_rescale_q(input_->duration, AV_TIME_BASE_Q, av_inv_q(info_.frame_rate));
  sounds_.assign(input_->nb_streams, -1);
  for (unsigned i = 0; i < input_->nb_streams; ++i) {
    AVStream& one = *input_->streams[i];
    if (one.codecpar->codec_type != AVMEDIA_TYPE_AUDIO) {
      if (static_cast<int>(i) != video_) one.discard = AVDISCARD_ALL;
      continue;
    }
    Sound sound{AvPtr<AVCodecParameters>(avcodec_parameters_alloc()), one.time_base};
    if (!sound.parameters || avcodec_parameters_copy(sound.parameters.get(), one.codecpar) < 0) continue;
    sounds_[i] = static_cast<int>(info_.sounds.size());
    info_.sounds.push_back(std::move(sound));
  }
}

// The earliest stream begins at 0, as players have it.
int64_t FileSource::Shifted(int64_t time, AVRational base) const {
  if (time == AV_NOPTS_VALUE || input_->start_time == AV_NOPTS_VALUE) return time;
  return time - av_rescale_q(input_->start_time, AV_TIME_BASE_Q, base);
}

Status FileSource::Send(const AVPacket* packet) {
  const int sent = avcodec_send_packet(decoder_.get(), packet);
  if (sent == AVERROR(ENOMEM)) return AvFail(sent, "cannot be decoded", path_, ErrorCode::kCorruptImage);
  // What is damaged is left out, as players do; CheckEnd and Notes speak of it.
  if (sent < 0 && sent != AVERROR_EOF) ++damaged_;
  return {};
}

Result<bool> FileSource::Decode() {
  for (;;) {
    const int got = avcodec_receive_frame(decoder_.get(), decoded_.get());
    if (got == 0) return true;
    if (got == AVERROR(EAGAIN) || got == AVERROR_EOF) return false;
    if (got == AVERROR(ENOMEM)) return AvFail(got, "cannot be decoded", path_, ErrorCode::kCorruptImage);
    ++damaged_;
  }
}

Result<VideoFrame> FileSource::Convert() {
  const AVFrame& from = *decoded_;
  auto frame = VideoFrame::Create(info_.width, info_.height);
  if (!frame) return frame;
  Status converted;
  if (orientation_.is_plain()) {
    converted = converter_.ToRgba(from, frame->view());
  } else {
    if (!unturned_) {
      auto made = orientation_.transpose ? VideoFrame::Create(info_.height, info_.width)
                                         : VideoFrame::Create(info_.width, info_.height);
      if (!made) return std::unexpected(made.error());
      unturned_ = *std::move(made);
    }
    converted = converter_.ToRgba(from, unturned_->view());
    if (converted) Orient(unturned_->view(), orientation_, frame->view());
  }
  if (!converted) return std::unexpected(InFile(converted.error(), path_));
  const int64_t time = Shifted(from.best_effort_timestamp, info_.time_base);
  frame->time = std::max(time == AV_NOPTS_VALUE ? next_time_ : time, next_time_);
  frame->duration = std::max<int64_t>(from.pkt_duration, 0);
  int64_t usual = frame->duration;
  if (usual == 0 && info_.frame_rate.num > 0) usual = av_rescale_q(1, av_inv_q(info_.frame_rate), info_.time_base);
  // Times rise; where there are none, they are the frame rate's.
  next_time_ = frame->time + (from.best_effort_timestamp == AV_NOPTS_VALUE ? std::max<int64_t>(usual, 1) : 1);
  ++frames_;
  return frame;
}

Result<std::optional<VideoItem>> FileSource::Next() {
  AvPtr<AVPacket> packet(av_packet_alloc());
  if (!packet) return Fail(ErrorCode::kOutOfMemory, "no memory for a packet", path_);
  for (;;) {
    if (interrupted()) return Fail(ErrorCode::kCancelled, "interrupted", path_);
    auto decoded = Decode();
    if (!decoded) return std::unexpected(decoded.error());
    if (*decoded) {
      auto frame = Convert();
      if (!frame) return std::unexpected(frame.error());
      return VideoItem{*std::move(frame), nullptr};
    }
    if (ended_) {
      if (Status whole = CheckEnd(); !whole) return std::unexpected(whole.error());
      return std::nullopt;
    }
    av_packet_unref(packet.get());
    const int read = av_read_frame(input_.get(), packet.get());
    if (read == AVERROR_EXIT) return Fail(ErrorCode::kCancelled, "interrupted", path_);
    if (read == AVERROR_INVALIDDATA) return CutOff();
    if (read < 0 && read != AVERROR_EOF) return AvFail(read, "cannot read", path_, ErrorCode::kIo);
    if (read < 0) {
      ended_ = true;
      if (Status sent = Send(nullptr); !sent) return std::unexpected(sent.error());
      continue;
    }
    const auto index = static_cast<size_t>(packet->stream_index);
    if (packet->pts != AV_NOPTS_VALUE)
      end_ = std::max(end_,
                      av_rescale_q(packet->pts + packet->duration, input_->streams[index]->time_base, AV_TIME_BASE_Q));
    if (packet->stream_index == video_) {
      // A packet of which only a part was there.
      if ((packet->flags & AV_PKT_FLAG_CORRUPT) != 0 && avio_feof(input_->pb) != 0) return CutOff();
      if (Status sent = Send(packet.get()); !sent) return std::unexpected(sent.error());
    } else if (index < sounds_.size() && sounds_[index] >= 0) {
      packet->stream_index = sounds_[index];
      const AVRational base = info_.sounds[static_cast<size_t>(sounds_[index])].time_base;
      packet->pts = Shifted(packet->pts, base);
      packet->dts = Shifted(packet->dts, base);
      return VideoItem{std::nullopt, std::move(packet)};
    }
  }
}

// Whether all was there that the header promised.
Status FileSource::CheckEnd() const {
  if (frames_ == 0) return Fail(ErrorCode::kCorruptImage, "no frame of its video can be decoded", path_);
  // The demuxers of MP4 and Matroska have said so already, and their last frame may be a long one.
  const std::string_view container = input_->iformat->name;
  if (container.find("mp4") != container.npos || container.find("matroska") != container.npos) return {};
  if (input_->duration <= 0 || input_->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE) return {};
  const int64_t start = input_->start_time != AV_NOPTS_VALUE ? input_->start_time : 0;
  const int64_t missing = start + input_->duration - end_;
  // The last packet of a stream may say nothing of how long it is.
  if (missing > std::max(int64_t{2} * AV_TIME_BASE, input_->duration / 10)) return CutOff();
  return {};
}

std::vector<std::string> FileSource::Notes() const {
  if (damaged_ == 0) return {};
  return {fmt::format("{} damaged piece{} of its video left out", damaged_, damaged_ == 1 ? " was" : "s were")};
}

}  // namespace

Result<std::unique_ptr<FrameSource>> OpenVideoFile(const std::string& path, int threads, const CancelFlag& cancel) {
  auto source = std::make_unique<FileSource>(path, cancel);
  if (Status opened = source->Open(threads); !opened) return std::unexpected(opened.error());
  return source;
}

}  // namespace decal::cli
