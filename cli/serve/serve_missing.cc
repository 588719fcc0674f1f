// decal serve in builds without cpp-httplib.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/commands.h"
#include "cli/report.h"

namespace decal::cli {

int Serve(const ServeOptions&) {
  PrintError({ErrorCode::kUnsupported, "this build has no server: install libcpp-httplib-dev and build again", {}});
  return kExitFailed;
}

}  // namespace decal::cli
