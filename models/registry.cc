// The table of models, as generated from registry.json.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string>

#include "decal/model.h"

namespace decal {
namespace {

constexpr ModelInfo kModels[] = {
#include "registry.inc"
};

}  // namespace

std::span<const ModelInfo> Models() { return kModels; }

Result<const ModelInfo*> FindModel(std::string_view name) {
  const auto found = std::ranges::find(kModels, name, &ModelInfo::name);
  if (found != std::end(kModels)) return found;
  std::string names;
  for (const ModelInfo& model : kModels) {
    if (!names.empty()) names += ", ";
    names += model.name;
  }
  return Fail(ErrorCode::kNotFound, "no model of that name; there are " + names, std::string(name));
}

}  // namespace decal
