// What the files of exports share: handles, the last JSON answer, errors as return values.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "decal/session.h"
#include "engine/base/json.h"
#include "wasm/errors.h"

namespace decal {

// What the last JSON-returning call answered.
inline std::string json_result;

// 0 for success; otherwise keeps the error and returns 1.
template <class T>
int Report(const Result<T>& result) {
  if (result) {
    ClearError();
    return 0;
  }
  SetError(result.error());
  return 1;
}

// Moves a value to the heap as a handle.
template <class T>
void* MakeHandle(Result<T> value) {
  if (Report(value) != 0) return nullptr;
  return new T(*std::move(value));
}

template <class T>
T TakeHandle(void* handle) {
  T* pointer = static_cast<T*>(handle);
  T value = std::move(*pointer);
  delete pointer;
  return value;
}

// `"key":value` with a comma before all but the first of an object.
inline void AppendField(std::string& out, const char* key, auto value) {
  if (out.back() != '{') out += ',';
  json::AppendString(out, key);
  out += ':';
  if constexpr (std::is_integral_v<decltype(value)>) {
    json::AppendInteger(out, static_cast<int64_t>(value));
  } else {
    json::AppendNumber(out, value);
  }
}

}  // namespace decal
