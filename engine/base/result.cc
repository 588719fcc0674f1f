// Names of error codes and the one-line form of an error.
// SPDX-License-Identifier: MIT
#include "engine/base/result.h"

#include <iterator>

#include "border/error_names.h"

namespace decal {

const char* ErrorCodeName(ErrorCode code) {
  const auto index = static_cast<size_t>(code);
  return index < std::size(kErrorCodeNames) ? kErrorCodeNames[index] : "internal";
}

Error::Error() = default;
Error::Error(ErrorCode code, std::string message, std::string where)
    : code(code), message(std::move(message)), where(std::move(where)) {}
Error::Error(Error&&) noexcept = default;
Error::Error(const Error&) = default;
Error& Error::operator=(Error&&) noexcept = default;
Error& Error::operator=(const Error&) = default;
Error::~Error() = default;

#ifdef DECAL_ERROR_LOCATIONS

std::unexpected<Error> Fail(ErrorCode code, std::string message, std::string where, std::source_location at) {
  std::unexpected<Error> failure(std::in_place, code, std::move(message), std::move(where));
  failure.error().made_at = at;
  return failure;
}

#else

std::unexpected<Error> Fail(ErrorCode code, std::string message, std::string where) {
  return std::unexpected<Error>(std::in_place, code, std::move(message), std::move(where));
}

#endif

std::string Error::ToString() const {
  std::string text;
  if (!where.empty()) text = where + ": ";
  return text + message + " (" + ErrorCodeName(code) + ")";
}

std::string Error::Location() const {
#ifdef DECAL_ERROR_LOCATIONS
  if (made_at.line() != 0) return std::string(made_at.file_name()) + ":" + std::to_string(made_at.line());
#endif
  return {};
}

}  // namespace decal
