// Varints, fixed-width numbers and length-delimited fields of the protobuf wire format.
// SPDX-License-Identifier: MIT
#include "engine/onnx/wire.h"

namespace decal {

WireState ReadVarint(Bytes bytes, uint64_t& value, size_t& used) {
  value = 0;
  for (size_t i = 0; i < 10; ++i) {
    if (i == bytes.size()) return WireState::kNeedMore;
    const uint8_t byte = static_cast<uint8_t>(bytes[i]);
    value |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
    if (byte < 0x80) {
      used = i + 1;
      return WireState::kOk;
    }
  }
  return WireState::kCorrupt;
}

bool WireReader::Next() {
  if (corrupt_ || rest_.empty()) return false;
  uint64_t tag;
  size_t used;
  if (ReadVarint(rest_, tag, used) != WireState::kOk || (tag >> 3) == 0 || (tag >> 3) > 0x1FFFFFFF) {
    Corrupt();
    return false;
  }
  rest_ = rest_.subspan(used);
  field_ = static_cast<uint32_t>(tag >> 3);
  size_t size = 0;
  switch (tag & 7) {
    case 0:
      type_ = WireType::kVarint;
      if (ReadVarint(rest_, number_, size) != WireState::kOk) return Corrupt() != 0;
      break;
    case 1:
    case 5: {
      type_ = (tag & 7) == 1 ? WireType::kFixed64 : WireType::kFixed32;
      size = (tag & 7) == 1 ? 8 : 4;
      if (rest_.size() < size) return Corrupt() != 0;
      number_ = 0;
      std::memcpy(&number_, rest_.data(), size);
      break;
    }
    case 2: {
      type_ = WireType::kLengthDelimited;
      uint64_t length;
      if (ReadVarint(rest_, length, used) != WireState::kOk || length > rest_.size() - used) return Corrupt() != 0;
      payload_ = rest_.subspan(used, static_cast<size_t>(length));
      size = used + static_cast<size_t>(length);
      break;
    }
    default: return Corrupt() != 0;
  }
  rest_ = rest_.subspan(size);
  return true;
}

uint64_t WireReader::varint() { return type_ == WireType::kVarint ? number_ : Corrupt(); }

float WireReader::float32() {
  float value = 0;
  if (type_ == WireType::kFixed32) std::memcpy(&value, &number_, sizeof(value));
  else Corrupt();
  return value;
}

Bytes WireReader::bytes() {
  if (type_ == WireType::kLengthDelimited) return payload_;
  Corrupt();
  return {};
}

std::string_view WireReader::string() {
  const Bytes b = bytes();
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}

}  // namespace decal
