// Reads numbers from a file's bytes. Reads past the end return zero and set a flag.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace decal::cli {

using ByteSpan = std::span<const std::byte>;

// The part of `bytes` that begins at `offset` and has at most `size` bytes: empty if there is none.
inline ByteSpan Slice(ByteSpan bytes, size_t offset, size_t size = SIZE_MAX) {
  if (offset >= bytes.size()) return {};
  return bytes.subspan(offset, size < bytes.size() - offset ? size : bytes.size() - offset);
}

inline bool StartsWith(ByteSpan bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

inline bool HasAt(ByteSpan bytes, size_t offset, std::string_view text) {
  return StartsWith(Slice(bytes, offset), text);
}

inline std::string_view AsText(ByteSpan bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Reads numbers of either byte order at given offsets.
class Numbers {
 public:
  Numbers(ByteSpan bytes, bool big_endian) : bytes_(bytes), big_(big_endian) {}

  uint64_t Get(size_t offset, int size) const {
    if (offset > bytes_.size() || static_cast<size_t>(size) > bytes_.size() - offset) {
      failed_ = true;
      return 0;
    }
    uint64_t value = 0;
    for (int i = 0; i < size; ++i) {
      const auto byte = static_cast<uint64_t>(bytes_[offset + static_cast<size_t>(big_ ? i : size - 1 - i)]);
      value = value << 8 | byte;
    }
    return value;
  }
  uint8_t U8(size_t offset) const { return static_cast<uint8_t>(Get(offset, 1)); }
  uint16_t U16(size_t offset) const { return static_cast<uint16_t>(Get(offset, 2)); }
  uint32_t U32(size_t offset) const { return static_cast<uint32_t>(Get(offset, 4)); }
  int32_t I32(size_t offset) const { return static_cast<int32_t>(U32(offset)); }
  // Whether any read since the construction was past the end.
  bool failed() const { return failed_; }

 private:
  ByteSpan bytes_;
  bool big_;
  mutable bool failed_ = false;
};

}  // namespace decal::cli
