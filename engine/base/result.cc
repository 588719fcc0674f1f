// Names of error codes and the one-line form of an error.
#include "engine/base/result.h"

namespace decal {

const char* ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid-argument";
    case ErrorCode::kNotFound: return "not-found";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kCorruptModel: return "corrupt-model";
    case ErrorCode::kUnsupportedOperator: return "unsupported-operator";
    case ErrorCode::kShapeMismatch: return "shape-mismatch";
    case ErrorCode::kCorruptImage: return "corrupt-image";
    case ErrorCode::kOutOfMemory: return "out-of-memory";
    case ErrorCode::kLimitExceeded: return "limit-exceeded";
    case ErrorCode::kCancelled: return "cancelled";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

Error::Error() = default;
Error::Error(ErrorCode code, std::string message, std::string where)
    : code(code), message(std::move(message)), where(std::move(where)) {}
Error::Error(Error&&) noexcept = default;
Error::Error(const Error&) = default;
Error& Error::operator=(Error&&) noexcept = default;
Error& Error::operator=(const Error&) = default;
Error::~Error() = default;

std::unexpected<Error> Fail(ErrorCode code, std::string message, std::string where) {
  return std::unexpected<Error>(std::in_place, code, std::move(message), std::move(where));
}

std::string Error::ToString() const {
  std::string text;
  if (!where.empty()) text = where + ": ";
  return text + message + " (" + ErrorCodeName(code) + ")";
}

}  // namespace decal
