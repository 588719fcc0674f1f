// The C interface, first part: memory and models. Both modules have it.
// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "border/exports.h"
#include "border/keys.h"
#include "decal/cutout.h"
#include "engine/base/buffer.h"
#include "wasm/handles.h"

namespace decal {
namespace {

void AppendTensors(std::string& out, std::string_view key, const std::vector<TensorInfo>& tensors) {
  json::AppendKey(out, key);
  out += '[';
  for (const TensorInfo& tensor : tensors) {
    out += out.back() == '[' ? "{" : ",{";
    json::AppendField(out, keys::kName, tensor.name);
    json::AppendField(out, keys::kDtype, tensor.dtype);
    json::AppendKey(out, keys::kShape);
    out += '[';
    for (const int64_t extent : tensor.shape) {
      if (out.back() != '[') out += ',';
      json::AppendInteger(out, extent);
    }
    out += "]}";
  }
  out += ']';
}

}  // namespace
}  // namespace decal

using namespace decal;  // NOLINT: the exports are the outside of that namespace

// ---- memory -----------------------------------------------------------------------------------

void* decal_alloc(uint32_t bytes) {
  if (bytes > SIZE_MAX - kAlignment) return nullptr;
  return std::aligned_alloc(kAlignment, AlignUp(bytes == 0 ? 1 : bytes));
}

void decal_free(void* memory) { std::free(memory); }

// ---- models -----------------------------------------------------------------------------------

void* decal_stream_new() { return new ModelStream(); }

int decal_stream_feed(void* stream, const uint8_t* bytes, uint32_t size) {
  return Report(static_cast<ModelStream*>(stream)->Feed({reinterpret_cast<const std::byte*>(bytes), size}));
}

const char* decal_stream_files(void* stream) {
  const auto files = static_cast<ModelStream*>(stream)->OtherFiles();
  if (Report(files) != 0) return nullptr;
  json_result = "[";
  for (const std::string& file : *files) {
    if (json_result.size() > 1) json_result += ',';
    json::AppendString(json_result, file);
  }
  json_result += ']';
  return json_result.c_str();
}

int decal_stream_open(void* stream, uint32_t file) { return Report(static_cast<ModelStream*>(stream)->Open(file)); }

void decal_stream_free(void* stream) { delete static_cast<ModelStream*>(stream); }

void* decal_session_from_stream(void* stream) { return MakeHandle(Session::Load(TakeHandle<ModelStream>(stream))); }

int decal_session_fix_input(void* session, const char* name, double value) {
  return Report(static_cast<Session*>(session)->FixInput(name, static_cast<float>(value)));
}

int decal_session_choose_matte(void* session, const char* output) {
  return Report(ChooseMatte(*static_cast<Session*>(session), output));
}

void decal_session_free(void* session) { delete static_cast<Session*>(session); }

const char* decal_session_info(void* handle) {
  const Session& session = *static_cast<const Session*>(handle);
  std::string& out = json_result;
  out = "{";
  AppendTensors(out, keys::kInputs, session.inputs());
  AppendTensors(out, keys::kOutputs, session.outputs());
  const MemoryPlan& memory = session.memory();
  json::AppendKey(out, keys::kMemory);
  out += '{';
  json::AppendField(out, keys::kWeights, memory.weights_bytes);
  json::AppendField(out, keys::kArena, memory.arena_bytes);
  json::AppendField(out, keys::kScratch, memory.scratch_bytes);
  json::AppendField(out, keys::kLowerBound, memory.lower_bound_bytes);
  out += '}';
  json::AppendField(out, keys::kSteps, session.steps().size());
  out += '}';
  return out.c_str();
}
