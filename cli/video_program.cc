// Starts decal-video in the place of this process.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/report.h"

namespace decal::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProgram = "decal-video";

// Beside the command, as builds leave it, or where packages put it (DECAL_LIBEXEC: from the command's folder). Empty where it is not.
fs::path FindProgram() {
  std::error_code error;
  fs::path self = fs::read_symlink("/proc/self/exe", error);
  // Without /proc, as in a plain chroot: the name by which the system found it.
  if (const auto* name = reinterpret_cast<const char*>(getauxval(AT_EXECFN)); error && name != nullptr) self = name;
  const fs::path folder = self.parent_path();
  for (const fs::path& place : {folder / kProgram, folder / DECAL_LIBEXEC / kProgram}) {
    if (fs::is_regular_file(place, error)) return place;
  }
  return {};
}

}  // namespace

int StartVideoProgram(char* const* argv) {
  const fs::path program = FindProgram();
  if (program.empty()) {
    PrintError({ErrorCode::kUnsupported,
                "no video without the program decal-video: install the package decal-video, or libavformat-dev, "
                "libavcodec-dev and libswscale-dev and build again",
                {}});
    return kExitFailed;
  }
  execv(program.c_str(), argv);
  PrintError(
      {ErrorCode::kIo, fmt::format("cannot be started: {}", std::generic_category().message(errno)), program.string()});
  return kExitFailed;
}

}  // namespace decal::cli
