// A reader of the protobuf wire format that reports errors as values.
//
// The engine builds without exceptions and protobuf libraries report broken input by throwing
// (protozero too; Debian's WebAssembly libc++abi has no unwinder), hence these few lines of our own.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace decal {

using Bytes = std::span<const std::byte>;

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

// Outcome of reading one piece from a prefix of a message.
enum class WireState : uint8_t { kOk, kNeedMore, kCorrupt };

// Base-128 number at the start of `bytes`; `used` receives its length.
WireState ReadVarint(Bytes bytes, uint64_t& value, size_t& used);

// Walks the fields of one complete message.
//   WireReader reader(bytes);
//   while (reader.Next()) switch (reader.field()) { case 1: x = reader.varint(); ... }
//   if (reader.corrupt()) ...
class WireReader {
 public:
  explicit WireReader(Bytes bytes) : rest_(bytes) {}

  // False at the end, and at the first sign of corruption.
  bool Next();
  bool corrupt() const { return corrupt_; }

  uint32_t field() const { return field_; }
  WireType type() const { return type_; }
  // Of the current field. A type that does not fit the accessor marks the message corrupt.
  uint64_t varint();
  int64_t int64() { return static_cast<int64_t>(varint()); }
  float float32();
  Bytes bytes();
  std::string_view string();

  // Elements of a repeated numeric field, packed or not; calls `fn(value)` for each.
  template <class Fn>
  void RepeatedVarint(const Fn& fn) {
    if (type_ == WireType::kVarint) return fn(number_);
    Bytes packed = bytes();
    while (!packed.empty() && !corrupt_) {
      uint64_t value;
      size_t used;
      if (ReadVarint(packed, value, used) != WireState::kOk) {
        corrupt_ = true;
        return;
      }
      packed = packed.subspan(used);
      fn(value);
    }
  }
  template <class T, class Fn>
  void RepeatedFixed(const Fn& fn) {
    if (type_ != WireType::kLengthDelimited) {
      T value;
      const uint64_t bits = type_ == (sizeof(T) == 4 ? WireType::kFixed32 : WireType::kFixed64) ? number_ : Corrupt();
      std::memcpy(&value, &bits, sizeof(T));  // little-endian hosts only, as all of ours are
      return fn(value);
    }
    const Bytes packed = bytes();
    if (packed.size() % sizeof(T) != 0) Corrupt();
    for (size_t i = 0; i + sizeof(T) <= packed.size(); i += sizeof(T)) {
      T value;
      std::memcpy(&value, packed.data() + i, sizeof(T));
      fn(value);
    }
  }

 private:
  uint64_t Corrupt() {
    corrupt_ = true;
    return 0;
  }

  Bytes rest_;
  Bytes payload_;
  uint64_t number_ = 0;
  uint32_t field_ = 0;
  WireType type_ = WireType::kVarint;
  bool corrupt_ = false;
};

}  // namespace decal
