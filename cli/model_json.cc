// The registry's form of a model in JSON, as texts for SetModelField.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/model_json.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "border/rules.h"
#include "cli/file_io.h"

namespace decal::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr size_t kMaxBytes = size_t{1} << 20;
constexpr std::array<std::string_view, 9> kOrigin = {"name",   "description", "licence", "file",    "url",
                                                     "sha256", "bytes",       "parts",   "training"};

// The first file that exists, or nothing.
fs::path FindBeside(const fs::path& model) {
  fs::path whole = model, stem = model;
  whole += ".json";
  stem.replace_extension(".json");
  for (const fs::path& path : {whole, stem}) {
    std::error_code error;
    if (fs::is_regular_file(path, error)) return path;
  }
  return {};
}

// A member as the text of an option: "0.5,0.5,0.5", "stretch", "2". Empty, which no field takes, for what is neither.
std::string TextOf(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number()) return value.dump();
  if (!value.is_array()) return {};
  std::string text;
  for (const json& one : value) {
    if (!one.is_number()) return {};
    text += (text.empty() ? "" : ",") + one.dump();
  }
  return text;
}

class Reader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  Result<ModelFields> Read(const json& model) {
    if (!model.is_object()) return Refuse("an object, as an entry of models/registry.json", "");
    for (const auto& [key, value] : model.items()) {
      if (std::ranges::find(kOrigin, key) != kOrigin.end()) continue;
      const bool optional = key == "output" || key == "foregroundClass" || key == "passes" || key == "inputs";
      if (optional && value.is_null()) continue;
      Status read = key == "input" ? ReadInput(value) : key == "inputs" ? ReadInputs(value) : Set(key, value);
      if (!read) return std::unexpected(read.error());
    }
    return std::move(fields_);
  }

  std::unexpected<Error> Refuse(std::string message, std::string_view key) const {
    return Fail(ErrorCode::kInvalidArgument, std::move(message),
                key.empty() ? path_ : fmt::format("{}: {}", path_, key));
  }

 private:
  Status Set(const std::string& field, const json& value) {
    std::string text = TextOf(value);
    // A string is never a number, even if its text is one, and vice versa.
    const bool word = field == "activation" || field == "output" || field == "input.rule";
    const bool list = field == "mean" || field == "std";
    if (value.is_string() != word || value.is_array() != list) text.clear();
    ModelInfo scratch;
    if (Status set = SetModelField(scratch, field, text); !set) return Refuse(set.error().message, field);
    fields_.texts.emplace_back(field, std::move(text));
    return {};
  }

  Status ReadInput(const json& input) {
    if (!input.is_object()) return Refuse("an object with rule, width, height and multiple", "input");
    for (const auto& [key, value] : input.items()) {
      if (Status set = Set("input." + key, value); !set) return set;
    }
    return {};
  }

  Status ReadInputs(const json& inputs) {
    if (!inputs.is_object()) return Refuse(rules::kModelInputs.message, "inputs");
    for (const auto& [name, value] : inputs.items()) {
      const double number = value.is_number() ? value.get<double>() : 0;
      if (!value.is_number() || !rules::kModelInputs.Allows(number))
        return Refuse(rules::kModelInputs.message, "inputs." + name);
      fields_.inputs.emplace_back(name, static_cast<float>(number));
    }
    return {};
  }

  std::string path_;
  ModelFields fields_;
};

}  // namespace

Result<ModelFields> ReadModelJson(const std::string& path) try {
  const std::string beside = FindBeside(path).string();
  if (beside.empty()) return ModelFields();
  Reader reader(beside);
  std::string text;
  const Status read = ReadFile(beside, [&](std::span<const std::byte> piece) -> Status {
    if (piece.size() > kMaxBytes - text.size())
      return reader.Refuse("larger than 1 MiB: no description of a model", "");
    text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return {};
  });
  if (!read) return std::unexpected(read.error());
  try {
    return reader.Read(json::parse(text));
  } catch (const json::out_of_range&) {
    return reader.Refuse("a number that is too large", "");
  } catch (const json::parse_error& error) {
    const auto lines =
        std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(std::min(error.byte, text.size())), '\n');
    return reader.Refuse(fmt::format("not valid JSON, in line {}", lines + 1), "");
  }
} catch (const json::exception& error) {
  return Fail(ErrorCode::kInternal, error.what(), path);
} catch (const fs::filesystem_error& error) {
  return Fail(ErrorCode::kIo, error.code().message(), path);
}

}  // namespace decal::cli
