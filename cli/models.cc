// decal models: the registry as a table.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/json_object.h"
#include "cli/model_source.h"
#include "decal/model.h"

namespace decal::cli {
namespace {

std::string SizeText(uint64_t bytes) {
  return bytes == 0 ? "unknown" : fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::string Place(const ModelInfo& model) { return IsEmbedded(model) ? "embedded" : std::string(model.url); }

std::string ToJson(const ModelInfo& model) {
  return JsonObject()
      .Add(keys::kName, model.name)
      .Add(keys::kBytes, model.bytes)
      .Add(keys::kLicence, model.licence)
      .Add(keys::kEmbedded, IsEmbedded(model))
      .Add(keys::kUrl, model.url)
      .Add(keys::kSha256, model.sha256)
      .Add(keys::kDescription, model.description)
      .ToString();
}

}  // namespace

int ListModels(const ModelsOptions& options) {
  if (options.json) {
    for (const ModelInfo& model : Models()) fmt::print("{}\n", ToJson(model));
    return kExitOk;
  }
  // The address, by far the longest, goes to a line of its own.
  size_t name = 4, licence = 7;
  for (const ModelInfo& model : Models()) {
    name = std::max(name, model.name.size());
    licence = std::max(licence, model.licence.size());
  }
  fmt::print("{:<{}}  {:>8}  {:<{}}  {}\n", "NAME", name, "SIZE", "LICENCE", licence, "DESCRIPTION");
  for (const ModelInfo& model : Models()) {
    fmt::print("{:<{}}  {:>8}  {:<{}}  {}\n{:<{}}  {}\n", model.name, name, SizeText(model.bytes), model.licence,
               licence, model.description, "", name, Place(model));
  }
  return kExitOk;
}

}  // namespace decal::cli
