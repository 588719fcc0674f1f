// Where frames go: a video file, a picture each, or raw to standard output.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "cli/video/frame.h"
#include "decal/cutout.h"

namespace decal::cli {

struct VideoFileOptions {
  bool opaque = false;  // a background is behind every pixel, or it is a matte
  int quality = 75;  // 1..100, for VP9 and H.264
  int threads = 1;
};

// What a path's ending asks for; kNone for another.
enum class VideoKind { kNone, kWebm, kMatroska, kMov, kMp4 };
VideoKind KindOfVideo(const std::string& path);

// The size of a video's file with frames of that size. Colours of 4:2:0 are for two columns and rows, and H.264 in players' profiles
// knows no half pair: an odd last column or row of an MP4 is left out.
Extent WrittenExtent(VideoKind kind, Extent frame);

// Whether it is a pattern of file names, such as frames/%05d.png. Errors: kInvalidArgument for one with another number of places.
bool IsFramePattern(const std::string& path);
Status CheckFramePattern(const std::string& path);

// VP9 in WebM or Matroska and ProRes 4444 in MOV, with alpha unless opaque; H.264 in MP4, which has none. Sound is copied where the container
// holds its codec; what is not gets into `notes`. The file is written beside `path` under another name until Finish. Errors name the
// file: kUnsupported where the encoder is not there, kIo, kNotFound.
Result<std::unique_ptr<FrameSink>> CreateVideoFile(const std::string& path, const VideoInfo& info,
                                                   const VideoFileOptions& options, std::vector<std::string>& notes);

// PNG files, numbered from 1, in a folder that is made if its parent is there. Each is whole or not there.
Result<std::unique_ptr<FrameSink>> CreateFrameFiles(const std::string& pattern, bool opaque);

// Dense RGBA rows, frame after frame.
std::unique_ptr<FrameSink> RawOutput();

}  // namespace decal::cli
