// Keeps the last failure as JSON.
// SPDX-License-Identifier: MIT
#include "wasm/errors.h"

#include <string>

#include "border/exports.h"
#include "border/keys.h"
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
  out = "{";
  json::AppendField(out, keys::kCode, ErrorCodeName(error.code));
  json::AppendField(out, keys::kMessage, error.message);
  json::AppendField(out, keys::kWhere, error.where);
  out += '}';
  last_error = out.c_str();
}

void SetOutOfMemoryError() { last_error = kOutOfMemoryJson; }

}  // namespace decal

const char* decal_error() { return decal::last_error; }
