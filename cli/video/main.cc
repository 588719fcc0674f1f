// decal-video, the program behind `decal video`: FFmpeg's libraries are loaded here and nowhere else.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <variant>

#include "cli/commands.h"
#include "cli/program.h"
#include "cli/report.h"

int main(int argc, char** argv) {
  using namespace decal::cli;
  return RunProgram(argc, argv, [](const Command& command) {
    if (const auto* options = std::get_if<VideoOptions>(&command)) return MakeVideo(*options);
    PrintError({decal::ErrorCode::kInvalidArgument, "decal-video is a part of decal: call decal video", {}});
    return kExitUsage;
  });
}
