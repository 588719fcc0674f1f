// Finds weights (embedded, a given file, a folder of models) and streams them into a session.
// SPDX-License-Identifier: MIT
#include "cli/model_source.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "cli/file_io.h"
#include "cli/model_json.h"
#include "cli/report.h"

namespace decal::cli {
namespace {

namespace fs = std::filesystem;

bool LooksLikePath(std::string_view model) {
  return model.find('/') != std::string_view::npos || model.ends_with(".onnx");
}

// What to assume of a file that the registry does not know.
ModelInfo UnknownModel() {
  ModelInfo info;
  info.std = {1, 1, 1};
  info.width = info.height = 512;  // for models of free size only
  return info;
}

std::string FetchHint(const ModelInfo& model) {
  return model.url.empty() ? std::string() : fmt::format(": fetch it from {}", model.url);
}

Status ReadModelFiles(const std::string& path, ModelStream& stream) {
  const auto feed = [&](std::span<const std::byte> piece) -> Status { return stream.Feed(piece); };
  if (Status read = ReadFile(path, feed); !read) return read;
  const auto others = stream.OtherFiles();
  if (!others) return std::unexpected(others.error());
  for (size_t i = 0; i < others->size(); ++i) {
    if (Status opened = stream.Open(i); !opened) return opened;
    // Not a device, which a link may lead to.
    const fs::path other = fs::path(path).parent_path() / (*others)[i];
    std::error_code error;
    if (fs::exists(other, error) && !fs::is_regular_file(other, error))
      return Fail(ErrorCode::kIo, "the model's weights must be in a regular file", other.string());
    if (Status read = ReadFile(other.string(), feed); !read) return read;
  }
  return {};
}

Result<Session> LoadSession(const std::string& path) {
  ModelStream stream;
  const Status read = ReadModelFiles(path, stream);
  Result<Session> session = read ? Session::Load(std::move(stream)) : std::unexpected(read.error());
  if (!session) return std::unexpected(InFile(session.error(), path));
  return session;
}

LoadedModel Loaded(const ModelChoice& choice, const ModelInfo& known, std::string name, ModelFields fields,
                   Session session) {
  LoadedModel model{known, std::move(name), std::move(session), std::move(fields), {}};
  ApplyFields(model.fields, model.info, model.values);
  ApplyFields(choice.fields, model.info, model.values);
  return model;
}

// The weights of `path`, and what lies beside them.
Result<LoadedModel> LoadFile(const ModelChoice& choice, const ModelInfo& known, std::string name,
                             const std::string& path) {
  auto fields = ReadModelJson(path);
  if (!fields) return std::unexpected(fields.error());
  auto session = LoadSession(path);
  if (!session) return std::unexpected(session.error());
  return Loaded(choice, known, std::move(name), *std::move(fields), *std::move(session));
}

// The weights of a registry entry in `folder`: <name>.onnx.
Result<std::string> FindInFolder(const ModelInfo& model, const std::string& folder) {
  const fs::path path = fs::path(folder) / fmt::format("{}.onnx", model.name);
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  if (error) return Fail(ErrorCode::kNotFound, fmt::format("no such file{}", FetchHint(model)), path.string());
  if (model.bytes != 0 && bytes != model.bytes) {
    return Fail(ErrorCode::kCorruptModel,
                fmt::format("has {} bytes, not the {} of {}: an interrupted download?", bytes, model.bytes, model.name),
                path.string());
  }
  return path.string();
}

}  // namespace

bool IsEmbedded(const ModelInfo& model) { return !model.file.empty(); }

Result<LoadedModel> LoadModel(const ModelChoice& choice) {
  if (LooksLikePath(choice.model)) {
    if (!choice.file.empty()) {
      return Fail(
          ErrorCode::kInvalidArgument,
          fmt::format("--model-file names the weights of a model, but --model {} is a file itself", choice.model));
    }
    const auto known = std::ranges::find(Models(), fs::path(choice.model).stem().string(), &ModelInfo::name);
    const ModelInfo info = known != Models().end() ? *known : UnknownModel();
    return LoadFile(choice, info, fs::path(choice.model).filename().string(), choice.model);
  }

  const ModelInfo* info = &Models().front();
  if (!choice.model.empty()) {
    const auto found = FindModel(choice.model);
    if (!found) return std::unexpected(found.error());
    info = *found;
  }
  std::string path = choice.file;
  if (path.empty() && IsEmbedded(*info)) {
    auto session = Session::Load(EmbeddedModelBytes(*info));
    if (!session) return std::unexpected(InFile(session.error(), info->name));
    return Loaded(choice, *info, std::string(info->name), {}, *std::move(session));
  }
  if (path.empty() && !choice.models_dir.empty()) {
    const auto found = FindInFolder(*info, choice.models_dir);
    if (!found) return std::unexpected(found.error());
    path = *found;
  }
  if (path.empty()) {
    return Fail(ErrorCode::kNotFound,
                fmt::format("not part of decal, needs --model-file or --models-dir{}", FetchHint(*info)),
                std::string(info->name));
  }
  return LoadFile(choice, *info, std::string(info->name), path);
}

Status ChooseTensors(LoadedModel& model) {
  for (const InputValue& input : model.info.inputs) {
    if (const Status fixed = model.session.FixInput(input.name, input.value); !fixed)
      return std::unexpected(InFile(fixed.error(), model.name));
  }
  if (model.info.output.empty()) return {};
  const Status kept = model.session.KeepOutput(model.info.output);
  if (!kept) return std::unexpected(InFile(kept.error(), model.name));
  return {};
}

}  // namespace decal::cli
