// What the files of exports share: handles, the last JSON answer, errors as return values.
// SPDX-License-Identifier: MIT
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

}  // namespace decal
