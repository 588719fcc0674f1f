// Results of the library become Python exceptions: decal.Error with its code, message and place.
// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "decal/result.h"

namespace decal::python {

// Carries an Error to the translator that RegisterErrors installs.
class ErrorException : public std::exception {
 public:
  explicit ErrorException(Error error) : error_(std::move(error)) {}
  const char* what() const noexcept override { return error_.message.c_str(); }
  const Error& error() const { return error_; }

 private:
  Error error_;
};

// Throws ErrorException, with `where` for an error that has no place of its own.
[[noreturn]] void Throw(Error error, const std::string& where = {});

template <class T>
T Unwrap(Result<T> result, const std::string& where = {}) {
  if (!result) Throw(std::move(result.error()), where);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// Call once, in the module's initialisation.
void RegisterErrors();

}  // namespace decal::python
