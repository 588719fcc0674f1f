// decal video in builds without FFmpeg's libraries.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/commands.h"
#include "cli/report.h"

namespace decal::cli {

int MakeVideo(const VideoOptions&) {
  PrintError({ErrorCode::kUnsupported,
              "this build reads no video: install libavformat-dev, libavcodec-dev and libswscale-dev and build again",
              {}});
  return kExitFailed;
}

}  // namespace decal::cli
