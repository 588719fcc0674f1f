// The error type of the library: every call that can fail returns a Result.
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

// A failure: its kind (`code`), its cause (`message`, one line without a full stop) and its place (`where`: a file, node
// or tensor; may be empty).
struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string where;

  // Not inline: every call that can fail moves an error on its cold path. Inlined, the code for the two strings was 8 % of
  // the WebAssembly module.
  Error();
  Error(ErrorCode code, std::string message, std::string where = {});
  Error(Error&&) noexcept;
  Error(const Error&);
  Error& operator=(Error&&) noexcept;
  Error& operator=(const Error&);
  ~Error();

  // One line for people, such as "photo.jpg: not a picture we can decode (corrupt-image)".
  std::string ToString() const;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

std::unexpected<Error> Fail(ErrorCode code, std::string message, std::string where = {});

}  // namespace decal
