// The options of `decal batch` and `decal serve` that are not those of cut-outs.
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

// What they are given outlives `app`. What is wrong is an error of parsing.
void AddBatchOptions(CLI::App& app, BatchOptions& options, std::string& on_error);
void AddServeOptions(CLI::App& app, ServeOptions& options);

}  // namespace decal::cli
