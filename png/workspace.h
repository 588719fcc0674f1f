// Memory with which a thread makes one strip of a PNG after the other.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>

#include "png/strip.h"

namespace decal {

class PngWorkspace {
 public:
  // For strips of at most this many rows. False if there is no memory for them.
  PngWorkspace(int width, int channels, int rows) {
    constexpr size_t kAlignment = 64;
    const size_t space_bytes = PngStripSpace(width, channels, rows), out_bytes = PngStripBound(width, channels, rows);
    size_t room = space_bytes + kAlignment;
    memory_.reset(new (std::nothrow) uint8_t[room + out_bytes]);
    if (!memory_) return;
    void* aligned = memory_.get();
    std::align(kAlignment, space_bytes, aligned, room);
    space_ = {static_cast<uint8_t*>(aligned), space_bytes};
    out_ = {space_.data() + space_bytes, out_bytes};
  }

  explicit operator bool() const { return memory_ != nullptr; }

  // As PackPngStrip, whose bytes `out` begins with until the next call.
  std::optional<PngStrip> Pack(ImageView picture, int channels, int first, int count, bool last) {
    return PackPngStrip(picture, channels, first, count, last, space_, out_);
  }
  std::span<const uint8_t> out() const { return out_; }

 private:
  std::unique_ptr<uint8_t[]> memory_;
  std::span<uint8_t> space_, out_;
};

}  // namespace decal
