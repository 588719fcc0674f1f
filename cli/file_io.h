// Whole files in, whole files out: a file this command writes is complete or does not exist.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "decal/result.h"

namespace decal::cli {

// "-" as an input or output: the standard streams.
inline constexpr const char* kStandardStream = "-";

// Reads a file (or standard input for "-") in pieces of at most 1 MiB, in order. Errors: kNotFound, kIo,
// kCancelled, and whatever `take` returns.
Status ReadFile(const std::string& path, const std::function<Status(std::span<const std::byte>)>& take);

Result<std::vector<std::byte>> ReadWholeFile(const std::string& path);

// Writes to a temporary file beside `path` and renames it; "-" is standard output. Errors: kIo, kNotFound for a
// missing folder.
Status WriteFile(const std::string& path, std::span<const std::byte> bytes);

// The permissions of a new file, which mkostemp would make private: asked for once, since that changes the umask for a moment.
mode_t NewFileMode();

}  // namespace decal::cli
