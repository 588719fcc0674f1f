// What passes from a source of frames to a sink: upright RGBA pictures with their times, and packets of sound.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/video/av.h"
#include "decal/image.h"
#include "decal/result.h"

namespace decal::cli {

// RGBA8, sRGB's primaries or whatever the video's are: the numbers are its own R'G'B'. Times are in VideoInfo::time_base.
struct VideoFrame {
  std::unique_ptr<uint8_t[]> rgba;
  int width = 0, height = 0;
  int64_t time = 0;
  int64_t duration = 0;  // 0: unknown

  // Errors: kOutOfMemory.
  static Result<VideoFrame> Create(int width, int height);
  size_t bytes() const { return size_t{4} * static_cast<size_t>(width) * static_cast<size_t>(height); }
  MutableImageView view() const { return {rgba.get(), width, height, size_t{4} * static_cast<size_t>(width)}; }
};

// How Y'CbCr is to be read and written.
struct VideoColours {
  AVColorSpace matrix = AVCOL_SPC_BT709;
  AVColorPrimaries primaries = AVCOL_PRI_UNSPECIFIED;
  AVColorTransferCharacteristic transfer = AVCOL_TRC_UNSPECIFIED;
  bool full_range = false;
};

struct Sound {
  AvPtr<AVCodecParameters> parameters;
  AVRational time_base{1, 1000};
};

struct VideoInfo {
  int width = 0, height = 0;  // upright
  AVRational time_base{1, 1000};
  AVRational frame_rate{0, 1};  // on average; 0: unknown
  AVRational pixel_shape{1, 1};  // width to height
  VideoColours colours;
  int64_t frames = 0;  // about; 0: unknown
  std::vector<Sound> sounds;
  std::vector<std::string> notes;  // a sentence each
};

// One of the two.
struct VideoItem {
  std::optional<VideoFrame> frame;
  AvPtr<AVPacket> packet;  // of sounds[packet->stream_index], times in its time_base
};

class FrameSource {
 public:
  virtual ~FrameSource() = default;
  virtual const VideoInfo& info() const = 0;
  // The next in the order of the file; nothing at its end. Errors name the file: kCorruptImage, kIo, kCancelled, kUnsupported,
  // kLimitExceeded, kOutOfMemory.
  virtual Result<std::optional<VideoItem>> Next() = 0;
  // After the end: what was met on the way, a sentence each.
  virtual std::vector<std::string> Notes() const { return {}; }
  // From another thread: a Next that waits for the file or a pipe ends soon, with kCancelled.
  void Stop() { stopped_ = true; }

 protected:
  bool stopped() const { return stopped_; }

 private:
  std::atomic<bool> stopped_ = false;
};

// What is not finished leaves nothing behind.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  // All frames have the size of VideoInfo. Errors name the file: kIo, kNotFound, kOutOfMemory, kInternal.
  virtual Status Write(VideoFrame frame) = 0;
  virtual Status WriteSound(AvPtr<AVPacket> packet) = 0;
  virtual Status Finish() = 0;
};

}  // namespace decal::cli
