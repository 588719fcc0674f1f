// What the command's programs have in common: the command line, interrupts, and no exception past this point.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "cli/options.h"

namespace decal::cli {

// Parses the arguments and calls `dispatch`: the process's exit status.
int RunProgram(int argc, const char* const* argv, const std::function<int(const Command&)>& dispatch);

}  // namespace decal::cli
