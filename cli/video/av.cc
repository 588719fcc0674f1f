// What FFmpeg's error numbers mean to whoever uses the command.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/video/av.h"

#include <cerrno>
#include <utility>

#include <fmt/format.h>

extern "C" {
#include <libavutil/error.h>
}

namespace decal::cli {
namespace {

ErrorCode CodeOf(int error, ErrorCode otherwise) {
  switch (error) {
    case AVERROR(ENOMEM): return ErrorCode::kOutOfMemory;
    case AVERROR(ENOENT): return ErrorCode::kNotFound;
    case AVERROR_EXIT: return ErrorCode::kCancelled;
    case AVERROR(ENOSPC):
    case AVERROR(EDQUOT):
    case AVERROR(EFBIG):
    case AVERROR(EIO):
    case AVERROR(EPIPE):
    case AVERROR(EACCES):
    case AVERROR(EROFS): return ErrorCode::kIo;
    default: return otherwise;
  }
}

}  // namespace

std::string AvText(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof(text));
  return text;
}

std::unexpected<Error> AvFail(int error, std::string_view doing, std::string where, ErrorCode otherwise) {
  const ErrorCode code = CodeOf(error, otherwise);
  if (code == ErrorCode::kCancelled) return Fail(code, "interrupted", std::move(where));
  return Fail(code, fmt::format("{}: {}", doing, AvText(error)), std::move(where));
}

}  // namespace decal::cli
