// FFmpeg's objects with owners, and its error numbers as errors of ours.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>
#include <string_view>

#include "decal/result.h"

namespace decal::cli {

struct AvOwner {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
  void operator()(AVCodecParameters* parameters) const { avcodec_parameters_free(&parameters); }
  void operator()(AVFormatContext* input) const { avformat_close_input(&input); }
  void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
};
template <class T>
using AvPtr = std::unique_ptr<T, AvOwner>;

// "Invalid data found when processing input", or what the system calls it.
std::string AvText(int error);

// "cannot write: No space left on device", with the code that fits: kNotFound, kIo, kOutOfMemory, kCancelled, or `otherwise`.
std::unexpected<Error> AvFail(int error, std::string_view doing, std::string where, ErrorCode otherwise);

}  // namespace decal::cli
