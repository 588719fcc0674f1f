// Keeps the last failure as JSON.
#include "wasm/errors.h"

#include <string>

#include "wasm/decal_wasm.h"
#include "engine/base/json.h"

namespace decal {
namespace {

constexpr const char kOutOfMemoryJson[] =
    R"({"code":"out-of-memory","message":"no memory for the engine's own data","where":""})";

std::string last_error_json;
const char* last_error = "";

}  // namespace

void ClearError() { last_error = ""; }

void SetError(const Error& error) {
  std::string& out = last_error_json;
  out = "{\"code\":";
  json::AppendString(out, ErrorCodeName(error.code));
  out += ",\"message\":";
  json::AppendString(out, error.message);
  out += ",\"where\":";
  json::AppendString(out, error.where);
  out += '}';
  last_error = out.c_str();
}

void SetOutOfMemoryError() { last_error = kOutOfMemoryJson; }

}  // namespace decal

const char* decal_error() { return decal::last_error; }
