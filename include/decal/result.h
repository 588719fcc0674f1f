// The error type of the whole library: every call that can fail returns a Result.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace decal {

// Stable, typed reasons. The spelling of `ErrorCodeName` is part of the public API: the npm package
// and the command line show it to users.
enum class ErrorCode {
  kInvalidArgument,      // the caller asked for something that makes no sense
  kNotFound,             // a file, model or tensor of that name does not exist
  kIo,                   // the operating system refused to read or write
  kCorruptModel,         // the bytes are not a well-formed ONNX model
  kUnsupportedOperator,  // well-formed, but needs operators or attributes we do not have
  kShapeMismatch,        // shapes inside the model, or model and input, do not fit
  kCorruptImage,         // the bytes are not a picture we can decode
  kOutOfMemory,          // an allocation was refused
  kLimitExceeded,        // over a documented limit (see engine/base/limits.h)
  kCancelled,            // the caller asked to stop
  kInternal,             // a broken promise of our own
};

// "out-of-memory" and the like: lower case with hyphens.
const char* ErrorCodeName(ErrorCode code);

// One failure: what (`code`), why (`message`, one line, no trailing full stop) and where (`where`:
// a file, node or tensor; may be empty).
struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string where;

  // Not inline: an error is moved on the cold path of every call that can fail, and the two strings' code there
  // was 8 % of the WebAssembly module.
  Error();
  Error(ErrorCode code, std::string message, std::string where = {});
  Error(Error&&) noexcept;
  Error(const Error&);
  Error& operator=(Error&&) noexcept;
  Error& operator=(const Error&);
  ~Error();

  // "photo.jpg: not a picture we can decode (corrupt-image)": one line for people.
  std::string ToString() const;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

std::unexpected<Error> Fail(ErrorCode code, std::string message, std::string where = {});

}  // namespace decal
