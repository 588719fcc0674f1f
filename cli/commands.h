// The subcommands: each returns the process's exit status.
// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options.h"

namespace decal::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitEmpty = 3;  // --fail-if-empty: a picture without a subject
inline constexpr int kExitInterrupted = 130;  // 128 + SIGINT, as shells count

int RemoveBackgrounds(const RemoveOptions& options);
int RunBatch(const BatchOptions& options);
int Serve(const ServeOptions& options);
// Becomes decal-video, with the same arguments; returns only where that cannot be.
int StartVideoProgram(char* const* argv);
int MakeVideo(const VideoOptions& options);  // in decal-video
int ListModels(const ModelsOptions& options);
int Inspect(const InspectOptions& options);
int RunTensor(const RunOptions& options);

}  // namespace decal::cli
