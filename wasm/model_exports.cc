// The C interface, first part: memory and models. Both modules have it.
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/base/buffer.h"
#include "wasm/decal_wasm.h"
#include "wasm/handles.h"

namespace decal {
namespace {

void AppendTensors(std::string& out, const std::vector<TensorInfo>& tensors) {
  out += '[';
  for (size_t i = 0; i < tensors.size(); ++i) {
    out += i == 0 ? "{\"name\":" : ",{\"name\":";
    json::AppendString(out, tensors[i].name);
    out += ",\"dtype\":";
    json::AppendString(out, tensors[i].dtype);
    out += ",\"shape\":[";
    for (size_t d = 0; d < tensors[i].shape.size(); ++d) {
      if (d > 0) out += ',';
      json::AppendInteger(out, tensors[i].shape[d]);
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

void decal_stream_free(void* stream) { delete static_cast<ModelStream*>(stream); }

void* decal_session_from_stream(void* stream) {
  return MakeHandle(Session::Load(TakeHandle<ModelStream>(stream)));
}

void decal_session_free(void* session) { delete static_cast<Session*>(session); }

const char* decal_session_info(void* handle) {
  const Session& session = *static_cast<const Session*>(handle);
  std::string& out = json_result;
  out = "{\"inputs\":";
  AppendTensors(out, session.inputs());
  out += ",\"outputs\":";
  AppendTensors(out, session.outputs());
  const MemoryPlan& memory = session.memory();
  out += ",\"memory\":{";
  json::AppendField(out, "weights", memory.weights_bytes);
  json::AppendField(out, "arena", memory.arena_bytes);
  json::AppendField(out, "scratch", memory.scratch_bytes);
  json::AppendField(out, "lower_bound", memory.lower_bound_bytes);
  out += '}';
  json::AppendField(out, "steps", session.steps().size());
  out += '}';
  return out.c_str();
}
