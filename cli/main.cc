// The decal command: parse, dispatch, and no exception past this point.
// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/picture_io.h"
#include "cli/report.h"

namespace decal::cli {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};

int Main(int argc, const char* const* argv) {
  Console();
  auto command = ParseCommandLine(argc, argv);
  if (!command) {
    command.error().message += "; see decal --help";
    PrintError(command.error());
    return kExitUsage;
  }
  InstallInterrupt();
  return std::visit(Overloaded{[](const RemoveOptions& options) { return RemoveBackgrounds(options); },
                               [](const BatchOptions& options) { return RunBatch(options); },
                               [](const ServeOptions& options) { return Serve(options); },
                               [](const VideoOptions& options) { return MakeVideo(options); },
                               [](const ModelsOptions& options) { return ListModels(options); },
                               [](const InspectOptions& options) { return Inspect(options); },
                               [](const RunOptions& options) { return RunTensor(options); },
                               [](const PrintOptions& options) {
                                 fmt::print("{}", options.text);
                                 return kExitOk;
                               }},
                    *command);
}

}  // namespace
}  // namespace decal::cli

int main(int argc, char** argv) {
  using decal::ErrorCode;
  try {
    const int status = decal::cli::Main(argc, argv);
    if (!decal::cli::DecoderAbandoned()) return status;
    // A decoder still runs: nothing that it uses may be taken down.
    std::fflush(nullptr);
    _exit(status);
  } catch (const std::bad_alloc&) {
    decal::cli::PrintError({ErrorCode::kOutOfMemory, "out of memory", {}});
  } catch (const std::exception& exception) {
    decal::cli::PrintError({ErrorCode::kInternal, exception.what(), {}});
  }
  return decal::cli::kExitFailed;
}
