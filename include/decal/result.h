// The error type of the library: every call that can fail returns a Result.
// SPDX-License-Identifier: MIT
#pragma once

#include <expected>
#ifdef DECAL_ERROR_LOCATIONS
#include <source_location>
#endif
#include <string>
#include <utility>

#include "decal/border.h"

namespace decal {

// The code's name, such as "out-of-memory". The spelling is part of the public API: the npm package and the
// command line show it to users.
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

#ifdef DECAL_ERROR_LOCATIONS
  std::source_location made_at;  // where Fail was called
#endif

  // One line for people, such as "photo.jpg: not a picture we can decode (corrupt-image)".
  std::string ToString() const;

  // "engine/base/buffer.cc:31", the line of the source that made it, in debug builds of the library; empty in others.
  std::string Location() const;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

// Debug builds of the library define DECAL_ERROR_LOCATIONS for themselves and for what links to them. Their errors then know
// the source line that made them.
#ifdef DECAL_ERROR_LOCATIONS
std::unexpected<Error> Fail(ErrorCode code, std::string message, std::string where = {},
                            std::source_location at = std::source_location::current());
#else
std::unexpected<Error> Fail(ErrorCode code, std::string message, std::string where = {});
#endif

}  // namespace decal
