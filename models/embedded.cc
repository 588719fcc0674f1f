// The bytes that embedded.S puts into the library.
// SPDX-License-Identifier: MIT
#include "decal/model.h"

extern "C" {
extern const std::byte decal_default_model_begin[];
extern const std::byte decal_default_model_end[];
extern const std::byte decal_people_live_model_begin[];
extern const std::byte decal_people_live_model_end[];
}

namespace decal {

std::span<const std::byte> DefaultModelBytes() { return {decal_default_model_begin, decal_default_model_end}; }

std::span<const std::byte> EmbeddedModelBytes(const ModelInfo& model) {
  if (model.file == "decal-default.onnx") return DefaultModelBytes();
  if (model.file == "people-live.onnx") return {decal_people_live_model_begin, decal_people_live_model_end};
  return {};
}

}  // namespace decal
