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

// What is said of a model instead of what the registry says, or for unknown files: RGB in 0..1 at the model's own size, and a
// matte.
struct ModelFields {
  std::vector<std::pair<std::string, std::string>> texts;  // fields and their texts, for SetModelField
  std::vector<std::pair<std::string, float>> inputs;  // of inputs besides the picture
};

// Which model: a name of the registry or a path, and where weights that are not embedded lie.
struct ModelChoice {
  std::string model;  // empty: the default
  std::string file;  // --model-file
  std::string models_dir;  // --models-dir
  ModelFields fields;  // by flags
};

// Adds them to `app`; `choice` outlives it. What is wrong is an error of parsing.
void AddModelOptions(CLI::App& app, ModelChoice& choice);

// `info` with what was given instead of its own, by a value's name if there are several. Texts belong to `fields`, `info.inputs`
// to `values`.
void ApplyFields(const ModelFields& fields, ModelInfo& info, std::vector<InputValue>& values);

}  // namespace decal::cli
