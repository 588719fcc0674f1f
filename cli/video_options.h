// The options of decal video.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "cli/options.h"

namespace CLI {
class App;
}

namespace decal::cli {

// What CLI11 reads as words; ReadVideoTexts understands them.
struct VideoTexts {
  std::string background, refine, size, rate;
};

// Adds them to `app`; `texts` and `options` outlive it. What is wrong is an error of parsing.
void AddVideoOptions(CLI::App& app, VideoTexts& texts, VideoOptions& options);

// After parsing. Errors: kInvalidArgument.
Status ReadVideoTexts(const VideoTexts& texts, VideoOptions& options);

}  // namespace decal::cli
