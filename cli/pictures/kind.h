// Detects a file's kind by its first bytes, never by its name.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "cli/pictures/bytes.h"

namespace decal::cli {

enum class PictureKind {
  kJpeg,
  kPng,
  kWebp,
  kTiff,
  kGif,
  kHeif,
  kBmp,
  kIco,
  kJxl,
  kJp2,
  kPnm,
  kQoi,
  kSvg,  // those that are read
  kUnsupported,  // a picture, document or film of a known kind that is not read
  kUnknown,
};

// Bytes that suffice to tell. A file that is longer and still unknown is no picture.
inline constexpr size_t kSniffBytes = 4096;

struct SniffedKind {
  PictureKind kind = PictureKind::kUnknown;
  const char* name = "";  // "JPEG", "PSD": for people; empty where unknown
};

// `begin`: the first kSniffBytes of a file, or all of it where it is shorter.
SniffedKind SniffKind(ByteSpan begin);

inline bool IsRead(PictureKind kind) { return kind < PictureKind::kUnsupported; }

}  // namespace decal::cli
