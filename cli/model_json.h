// The JSON file beside a user's own model: how its input is prepared and its output read.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "cli/model_options.h"
#include "decal/result.h"

namespace decal::cli {

// The fields and values in MODEL.onnx.json or else MODEL.json, which lie beside the model file `path` = MODEL.onnx: an object in the
// form of models/registry.json. Of its members, input, mean, std, activation, output, foregroundClass, passes and inputs count; what says
// where a model comes from (name, url, sha256 and the like) takes no part. Empty if there is no such file. Errors:
// kInvalidArgument that names the file and the key; kIo.
Result<ModelFields> ReadModelJson(const std::string& path);

}  // namespace decal::cli
