// Parse, dispatch, and turn what is thrown into a line and a status.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/program.h"

#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/picture_io.h"
#include "cli/report.h"

namespace decal::cli {
namespace {

int Main(int argc, const char* const* argv, const std::function<int(const Command&)>& dispatch) {
  Console();
  auto command = ParseCommandLine(argc, argv);
  if (!command) {
    command.error().message += "; see decal --help";
    PrintError(command.error());
    return kExitUsage;
  }
  InstallInterrupt();
  return dispatch(*command);
}

// What stands in the buffer is written now: a full disk is known only then. `status`, or a failure.
int EndOutput(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  PrintError({ErrorCode::kIo, "cannot write all of the output", "standard output"});
  return status == kExitOk ? kExitFailed : status;
}

}  // namespace

int RunProgram(int argc, const char* const* argv, const std::function<int(const Command&)>& dispatch) {
  try {
    const int status = EndOutput(Main(argc, argv, dispatch));
    if (!DecoderAbandoned()) return status;
    // A decoder still runs: nothing that it uses may be taken down.
    std::fflush(nullptr);
    _exit(status);
  } catch (const std::bad_alloc&) {
    PrintError({ErrorCode::kOutOfMemory, "out of memory", {}});
  } catch (const std::exception& exception) {
    if (std::ferror(stdout) != 0) return EndOutput(kExitFailed);  // fmt throws what it cannot write
    PrintError({ErrorCode::kInternal, exception.what(), {}});
  }
  return kExitFailed;
}

}  // namespace decal::cli
