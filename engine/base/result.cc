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

std::string Error::ToString() const {
  std::string text;
  if (!where.empty()) text = where + ": ";
  return text + message + " (" + ErrorCodeName(code) + ")";
}

}  // namespace decal
