// Video files through libavformat and libavcodec: upright RGBA frames with their times, and sound as it is.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "cli/video/frame.h"
#include "decal/session.h"

namespace decal::cli {

// Opens a local file. Playlists, whose entries lead to other files and addresses, are not read. Where it turns a video with its display
// matrix, frames are turned. `cancel` ends a read between two blocks (kCancelled). Errors name the file: kNotFound, kIo; kCorruptImage for
// what is no video or has none in it, kUnsupported for a codec without a decoder, kLimitExceeded for frames over 2^26 pixels.
Result<std::unique_ptr<FrameSource>> OpenVideoFile(const std::string& path, int threads, const CancelFlag& cancel);

}  // namespace decal::cli
