// Encoding and multiplexing into a file that has its name only once it is whole.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "cli/file_io.h"
#include "cli/report.h"
#include "cli/video/convert.h"
#include "cli/video/sinks.h"

extern "C" {
#include <libavutil/opt.h>
}

namespace decal::cli {
namespace {

// How each kind is written.
struct Format {
  const char* muxer;
  const char* encoder;
  const char* video;  // for people
  AVPixelFormat with_alpha, opaque;
};

Format FormatOf(VideoKind kind) {
  switch (kind) {
    case VideoKind::kWebm: return {"webm", "libvpx-vp9", "VP9", AV_PIX_FMT_YUVA420P, AV_PIX_FMT_YUV420P};
    case VideoKind::kMatroska: return {"matroska", "libvpx-vp9", "VP9", AV_PIX_FMT_YUVA420P, AV_PIX_FMT_YUV420P};
    case VideoKind::kMov: return {"mov", "prores_ks", "ProRes 4444", AV_PIX_FMT_YUVA444P10, AV_PIX_FMT_YUV444P10};
    case VideoKind::kMp4: return {"mp4", "libx264", "H.264", AV_PIX_FMT_NONE, AV_PIX_FMT_YUV420P};
    case VideoKind::kNone: break;
  }
  return {};
}

class FileSink final : public FrameSink {
 public:
  FileSink(std::string path, VideoKind kind) : path_(std::move(path)), kind_(kind), format_(FormatOf(kind)) {}
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;
  ~FileSink() override { Discard(); }

  Status Open(const VideoInfo& info, const VideoFileOptions& options, std::vector<std::string>& notes);
  Status Write(VideoFrame frame) override;
  Status WriteSound(AvPtr<AVPacket> packet) override;
  Status Finish() override;

 private:
  Status CreateTemporary();
  Status OpenEncoder(const VideoInfo& info, const VideoFileOptions& options);
  void TuneEncoder(const VideoFileOptions& options);
  Status AddSounds(const VideoInfo& info, std::vector<std::string>& notes);
  Status Drain();
  Status Mux(AVPacket* packet);
  void Discard();
  std::unexpected<Error> Failed(int error) const { return AvFail(error, "cannot write", path_, ErrorCode::kInternal); }

  std::string path_, temporary_;
  VideoKind kind_;
  Format format_;
  AVFormatContext* output_ = nullptr;
  AvPtr<AVCodecContext> encoder_;
  AVStream* video_ = nullptr;
  std::vector<AVStream*> sounds_;  // by index of VideoInfo::sounds; null: left out
  std::vector<AVRational> sound_bases_;
  VideoColours colours_;
  FrameConverter converter_;
  AvPtr<AVPacket> packet_{av_packet_alloc()};
  bool begun_ = false;
};

Status FileSink::CreateTemporary() {
  struct stat existing;
  if (stat(path_.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode))
    return Fail(ErrorCode::kInvalidArgument, "not a regular file: raw frames go to standard output with -o -", path_);
  std::string name = path_ + ".XXXXXX";
  const int file = mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) return AvFail(AVERROR(errno), "cannot write", path_, ErrorCode::kIo);
  temporary_ = name;
  const bool open_to_others = fchmod(file, NewFileMode()) == 0;
  if (close(file) != 0 || !open_to_others) return AvFail(AVERROR(errno), "cannot write", path_, ErrorCode::kIo);
  return {};
}

Status FileSink::Open(const VideoInfo& info, const VideoFileOptions& options, std::vector<std::string>& notes) {
  if (Status created = CreateTemporary(); !created) return created;
  if (const int made = avformat_alloc_output_context2(&output_, nullptr, format_.muxer, nullptr); made < 0)
    return Fail(ErrorCode::kUnsupported, fmt::format("this FFmpeg writes no {}", format_.muxer), path_);
  if (Status encoder = OpenEncoder(info, options); !encoder) return encoder;
  if (encoder_->width != info.width || encoder_->height != info.height) {
    notes.push_back(fmt::format("H.264 in MP4 holds even sizes only: {} x {} become {} x {}, .webm and .mov keep them",
                                info.width, info.height, encoder_->width, encoder_->height));
  }
  video_ = avformat_new_stream(output_, nullptr);
  if (video_ == nullptr || !packet_) return Fail(ErrorCode::kOutOfMemory, "no memory to write a video", path_);
  video_->time_base = encoder_->time_base;
  video_->avg_frame_rate = info.frame_rate;
  video_->sample_aspect_ratio = encoder_->sample_aspect_ratio;
  if (const int described = avcodec_parameters_from_context(video_->codecpar, encoder_.get()); described < 0)
    return Failed(described);
  if (!options.opaque && kind_ != VideoKind::kMov) av_dict_set(&video_->metadata, "alpha_mode", "1", 0);
  if (Status added = AddSounds(info, notes); !added) return added;
  // The name too: to put the index first, the muxer reads again what it has written.
  output_->url = av_strdup(("file:" + temporary_).c_str());
  if (output_->url == nullptr) return Fail(ErrorCode::kOutOfMemory, "no memory to write a video", path_);
  if (const int opened = avio_open2(&output_->pb, output_->url, AVIO_FLAG_WRITE, nullptr, nullptr); opened < 0)
    return Failed(opened);
  AVDictionary* muxing = nullptr;
  if (kind_ == VideoKind::kMp4) av_dict_set(&muxing, "movflags", "+faststart", 0);
  const int begun = avformat_write_header(output_, &muxing);
  av_dict_free(&muxing);
  if (begun < 0) return Failed(begun);
  begun_ = true;
  return {};
}

void FileSink::TuneEncoder(const VideoFileOptions& options) {
  AVCodecContext& encoder = *encoder_;
  const auto set = [&](const char* name, const std::string& value) {
    av_opt_set(encoder.priv_data, name, value.c_str(), 0);
  };
  switch (kind_) {
    case VideoKind::kWebm:
    case VideoKind::kMatroska:
      // Constant quality; 63 is the worst.
      set("crf", fmt::format("{}", std::clamp(63 - options.quality * 45 / 100, 0, 63)));
      encoder.bit_rate = 0;
      set("deadline", "good");
      set("cpu-used", "5");
      set("row-mt", "1");
      if (!options.opaque) set("auto-alt-ref", "0");  // libvpx has no such frames for alpha
      break;
    case VideoKind::kMov:
      set("profile", "4444");
      set("vendor", "apl0");  // what editors look for
      set("alpha_bits", options.opaque ? "0" : "16");
      break;
    case VideoKind::kMp4:
      set("crf", fmt::format("{}", std::clamp(51 - options.quality * 40 / 100, 0, 51)));
      set("preset", "fast");
      break;
    case VideoKind::kNone: break;
  }
}

Status FileSink::OpenEncoder(const VideoInfo& info, const VideoFileOptions& options) {
  const AVCodec* codec = avcodec_find_encoder_by_name(format_.encoder);
  if (codec == nullptr) {
    return Fail(ErrorCode::kUnsupported,
                fmt::format("this FFmpeg has no encoder for {} ({})", format_.video, format_.encoder), path_);
  }
  encoder_.reset(avcodec_alloc_context3(codec));
  if (!encoder_) return Fail(ErrorCode::kOutOfMemory, "no memory for an encoder", path_);
  AVCodecContext& encoder = *encoder_;
  encoder.pix_fmt = options.opaque ? format_.opaque : format_.with_alpha;
  const Extent written = WrittenExtent(kind_, {info.width, info.height});
  encoder.width = written.width;
  encoder.height = written.height;
  if (encoder.width == 0 || encoder.height == 0)
    return Fail(ErrorCode::kUnsupported, "H.264 has at least 2 x 2 pixels", path_);
  encoder.time_base = info.time_base;
  encoder.framerate = info.frame_rate;
  encoder.sample_aspect_ratio = info.pixel_shape;
  colours_ = info.colours;
  // ProRes says nothing of its range, and players take it for limited.
  if (kind_ == VideoKind::kMov) colours_.full_range = false;
  encoder.colorspace = colours_.matrix;
  encoder.color_primaries = colours_.primaries;
  encoder.color_trc = colours_.transfer;
  encoder.color_range = colours_.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  encoder.thread_count = options.threads;
  if ((output_->oformat->flags & AVFMT_GLOBALHEADER) != 0) encoder.flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  TuneEncoder(options);
  const int opened = avcodec_open2(encoder_.get(), codec, nullptr);
  if (opened < 0) {
    return AvFail(opened, fmt::format("{} refuses frames of {} x {}", format_.video, encoder.width, encoder.height),
                  path_, ErrorCode::kUnsupported);
  }
  return {};
}

Status FileSink::AddSounds(const VideoInfo& info, std::vector<std::string>& notes) {
  for (const Sound& sound : info.sounds) {
    sound_bases_.push_back(sound.time_base);
    sounds_.push_back(nullptr);
    const AVCodecID codec = sound.parameters->codec_id;
    // The muxer claims to support these, and then refuses them in MOV.
    const bool refused = kind_ == VideoKind::kMov &&
                         (codec == AV_CODEC_ID_OPUS || codec == AV_CODEC_ID_FLAC || codec == AV_CODEC_ID_TRUEHD);
    if (refused || avformat_query_codec(output_->oformat, codec, FF_COMPLIANCE_NORMAL) != 1) {
      notes.push_back(fmt::format("its sound ({}) is left out: {}", avcodec_get_name(codec),
                                  kind_ == VideoKind::kWebm  ? "WebM does not hold it, .mkv does"
                                  : kind_ == VideoKind::kMov ? "MOV does not hold it, .mkv does"
                                                             : "MP4 does not hold it"));
      continue;
    }
    AVStream* stream = avformat_new_stream(output_, nullptr);
    if (stream == nullptr || avcodec_parameters_copy(stream->codecpar, sound.parameters.get()) < 0)
      return Fail(ErrorCode::kOutOfMemory, "no memory to write a video", path_);
    stream->codecpar->codec_tag = 0;  // the other container has its own
    stream->time_base = sound.time_base;
    sounds_.back() = stream;
  }
  return {};
}

Status FileSink::Mux(AVPacket* packet) {
  // It reports some failures of the system's at once, and some only here.
  const int written = av_interleaved_write_frame(output_, packet);
  if (written < 0) return Failed(written);
  if (output_->pb->error < 0) return Failed(output_->pb->error);
  return {};
}

Status FileSink::Drain() {
  for (;;) {
    const int got = avcodec_receive_packet(encoder_.get(), packet_.get());
    if (got == AVERROR(EAGAIN) || got == AVERROR_EOF) return {};
    if (got < 0) return Failed(got);
    av_packet_rescale_ts(packet_.get(), encoder_->time_base, video_->time_base);
    packet_->stream_index = video_->index;
    if (Status muxed = Mux(packet_.get()); !muxed) return muxed;
  }
}

Status FileSink::Write(VideoFrame frame) {
  AvPtr<AVFrame> picture(av_frame_alloc());
  if (!picture) return Fail(ErrorCode::kOutOfMemory, "no memory to write a video", path_);
  picture->format = encoder_->pix_fmt;
  picture->width = encoder_->width;
  picture->height = encoder_->height;
  if (const int room = av_frame_get_buffer(picture.get(), 0); room < 0) return Failed(room);
  if (encoder_->pix_fmt == format_.with_alpha) SpreadColours(frame.view());
  if (Status converted = converter_.FromRgba(frame.view(), colours_, *picture); !converted)
    return std::unexpected(InFile(converted.error(), path_));
  picture->pts = frame.time;
  picture->pkt_duration = frame.duration;
  picture->colorspace = encoder_->colorspace;
  picture->color_range = encoder_->color_range;
  picture->color_primaries = encoder_->color_primaries;
  picture->color_trc = encoder_->color_trc;
  picture->sample_aspect_ratio = encoder_->sample_aspect_ratio;
  if (const int sent = avcodec_send_frame(encoder_.get(), picture.get()); sent < 0) return Failed(sent);
  return Drain();
}

Status FileSink::WriteSound(AvPtr<AVPacket> packet) {
  const auto index = static_cast<size_t>(packet->stream_index);
  AVStream* stream = index < sounds_.size() ? sounds_[index] : nullptr;
  if (stream == nullptr) return {};
  av_packet_rescale_ts(packet.get(), sound_bases_[index], stream->time_base);
  packet->stream_index = stream->index;
  packet->pos = -1;
  return Mux(packet.get());
}

Status FileSink::Finish() {
  if (const int sent = avcodec_send_frame(encoder_.get(), nullptr); sent < 0) return Failed(sent);
  if (Status drained = Drain(); !drained) return drained;
  const int ended = av_write_trailer(output_);
  begun_ = false;
  const int error = output_->pb->error;
  const int closed = avio_closep(&output_->pb);
  for (const int one : {ended, error, closed}) {
    if (one < 0) return Failed(one);
  }
  if (rename(temporary_.c_str(), path_.c_str()) != 0)
    return AvFail(AVERROR(errno), "cannot write", path_, ErrorCode::kIo);
  temporary_.clear();
  return {};
}

void FileSink::Discard() {
  if (output_ != nullptr) {
    if (begun_) av_write_trailer(output_);  // frees what the muxer holds
    if (output_->pb != nullptr) avio_closep(&output_->pb);
    avformat_free_context(output_);
    output_ = nullptr;
  }
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

}  // namespace

Extent WrittenExtent(VideoKind kind, Extent frame) {
  const int even = kind == VideoKind::kMp4 ? ~1 : ~0;
  return {frame.width & even, frame.height & even};
}

VideoKind KindOfVideo(const std::string& path) {
  std::string ending = std::filesystem::path(path).extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (ending == ".webm") return VideoKind::kWebm;
  if (ending == ".mkv") return VideoKind::kMatroska;
  if (ending == ".mov") return VideoKind::kMov;
  if (ending == ".mp4" || ending == ".m4v") return VideoKind::kMp4;
  return VideoKind::kNone;
}

Result<std::unique_ptr<FrameSink>> CreateVideoFile(const std::string& path, const VideoInfo& info,
                                                   const VideoFileOptions& options, std::vector<std::string>& notes) {
  auto sink = std::make_unique<FileSink>(path, KindOfVideo(path));
  if (Status opened = sink->Open(info, options, notes); !opened) return std::unexpected(opened.error());
  return sink;
}

}  // namespace decal::cli
