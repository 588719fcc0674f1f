// The registry of models: where the weights are, how to prepare a picture for them, and their licence.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "decal/border.h"
#include "decal/result.h"

namespace decal {

// A value for an input besides the picture, such as a ratio: all its elements.
struct InputValue {
  std::string_view name;
  float value = 0;
};

// One entry of models/registry.json, which is compiled into the library.
struct ModelInfo {
  std::string_view name;         // "decal-default"
  std::string_view description;  // one line
  std::string_view licence;      // SPDX, or words if there is none
  std::string_view file;         // embedded in the package and the library, or empty
  std::string_view url;          // where to download it, or empty
  std::string_view sha256;       // of the file, lower-case hex; empty where the publisher states none
  uint64_t bytes = 0;            // of the file; 0 unknown
  SizeRule size_rule = SizeRule::kStretch;
  int width = 0, height = 0, multiple = 1;  // pixels
  std::array<float, 3> mean{}, std{};       // of RGB in 0..1: input = (rgb / 255 - mean) / std
  OutputActivation activation = OutputActivation::kNone;
  // Name of the output that is the matte. Empty: guessed by name and shape (matte, alpha, pha, mask; one or two classes).
  std::string_view output;
  // The subject's class, if the model distinguishes several. -1: the last of two.
  int foreground_class = -1;
  // 2: with Refine::kBest, the model sees the subject's surroundings again, closer.
  int passes = 1;
  std::span<const InputValue>
      inputs;  // besides the picture; they and `output` live as long as the call that takes them
};

// Checks the fields of `model`. Errors: kInvalidArgument, which names the field and its allowed values as in
// border/fields.json; the npm package reports the same.
Status CheckModel(const ModelInfo& model);

// Sets the field that models/registry.json calls `field` (mean, std, input.rule, input.width, input.height, input.multiple,
// activation, output, foregroundClass, passes) from text, numbers separated by commas. `output` refers to `text` afterwards. Errors:
// kInvalidArgument naming the field and what it may be.
Status SetModelField(ModelInfo& model, std::string_view field, std::string_view text);

// All entries, the default first.
std::span<const ModelInfo> Models();

// The entry of that name. Errors: kNotFound, which lists the known names.
Result<const ModelInfo*> FindModel(std::string_view name);

// The embedded weights of the default model (an ONNX file).
std::span<const std::byte> DefaultModelBytes();

// The embedded weights of a model of the registry (an ONNX file), by its `file`; empty where they are not part of the library.
std::span<const std::byte> EmbeddedModelBytes(const ModelInfo& model);

}  // namespace decal
