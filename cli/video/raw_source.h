// Raw frames from standard input, one after the other without anything between them.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "cli/video/frame.h"
#include "decal/cutout.h"
#include "decal/session.h"

namespace decal::cli {

// `pixel_format`: FFmpeg's name of one, such as rgb24 or yuv420p, whose planes lie dense one after the other. Y'CbCr is BT.709 from 720
// lines or 1280 columns on and BT.601 below, limited range. Errors: kInvalidArgument for a pixel format that is not known or has no
// colours; of Next: kCorruptImage where the input ends within a frame, kIo, kCancelled.
Result<std::unique_ptr<FrameSource>> OpenRawFrames(Extent size, const std::string& pixel_format, AVRational frame_rate,
                                                   const CancelFlag& cancel);

}  // namespace decal::cli
