// The decal command: what each subcommand is done by.
// SPDX-License-Identifier: MIT
#include <variant>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/program.h"

namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};

}  // namespace

int main(int argc, char** argv) {
  using namespace decal::cli;
  const auto dispatch = [&](const Command& command) {
    return std::visit(Overloaded{[](const RemoveOptions& options) { return RemoveBackgrounds(options); },
                                 [](const BatchOptions& options) { return RunBatch(options); },
                                 [](const ServeOptions& options) { return Serve(options); },
                                 [&](const VideoOptions&) { return StartVideoProgram(argv); },
                                 [](const ModelsOptions& options) { return ListModels(options); },
                                 [](const InspectOptions& options) { return Inspect(options); },
                                 [](const RunOptions& options) { return RunTensor(options); },
                                 [](const PrintOptions& options) {
                                   fmt::print("{}", options.text);
                                   return kExitOk;
                                 }},
                      command);
  };
  return RunProgram(argc, argv, dispatch);
}
