// From a model's name or path to a loaded session.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "cli/options.h"
#include "decal/model.h"
#include "decal/session.h"

namespace decal::cli {

struct LoadedModel {
  ModelInfo info;    // how to prepare pictures; its strings belong to the registry, the command line and `fields`
  std::string name;  // for reports: the registry's name or the file's
  Session session;
  ModelFields fields;              // of the JSON file beside the weights
  std::vector<InputValue> values;  // of info.inputs
};

// True if the weights are part of the library.
bool IsEmbedded(const ModelInfo& model);

// Streams the weights, and those that lie in files beside the model's. For a file called <name>.onnx pictures are prepared
// as that entry of the registry says; any other is taken to want RGB in 0..1 at its own size and to answer with a matte. What
// `choice` states goes first, then what a JSON file beside the weights says (ReadModelJson). Errors name the file or model in `where`.
Result<LoadedModel> LoadModel(const ModelChoice& choice);

// For commands that run the session itself: fixes the inputs that have a value and keeps the output that was asked for.
Status ChooseTensors(LoadedModel& model);

}  // namespace decal::cli
