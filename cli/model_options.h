// The options that say which model runs, where its weights are and how it is fed.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "decal/model.h"

namespace CLI {
class App;
}

namespace decal::cli {

// Which model: a name of the registry or a path, and where weights that are not embedded lie.
struct ModelChoice {
  std::string model;       // empty: the default
  std::string file;        // --model-file
  std::string models_dir;  // --models-dir

  // Fields and their texts, for SetModelField. Others are as the registry says, or for unknown files: RGB in 0..1 at the
  // model's own size, and a matte.
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<std::pair<std::string, float>> inputs;  // --model-value
};

// Adds them to `app`; `choice` outlives it. What is wrong is an error of parsing.
void AddModelOptions(CLI::App& app, ModelChoice& choice);

// `info` with what was given instead of its own; texts and `info.inputs` belong to `choice` and to `values`.
void ApplyChoice(const ModelChoice& choice, ModelInfo& info, std::vector<InputValue>& values);

}  // namespace decal::cli
