// SHA-1: 64-byte blocks through 80 rounds.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "engine/base/sha1.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace decal {

void Sha1::Block(const std::byte* block) {
  uint32_t w[80];
  for (int i = 0; i < 16; ++i) {
    w[i] = 0;
    for (int k = 0; k < 4; ++k) w[i] = w[i] << 8 | static_cast<uint32_t>(block[4 * i + k]);
  }
  for (int i = 16; i < 80; ++i) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  uint32_t a = state_[0], b = state_[1], c = state_[2], d = state_[3], e = state_[4];
  for (int i = 0; i < 80; ++i) {
    const uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5A827999
                       : i < 40 ? (b ^ c ^ d) + 0x6ED9EBA1
                       : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC
                                : (b ^ c ^ d) + 0xCA62C1D6;
    const uint32_t next = std::rotl(a, 5) + f + e + w[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  const uint32_t add[] = {a, b, c, d, e};
  for (int i = 0; i < 5; ++i) state_[i] += add[i];
}

void Sha1::Update(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const size_t filled = size_ % 64;
    const size_t some = std::min(bytes.size(), 64 - filled);
    if (some == 64) {
      Block(bytes.data());
    } else {
      std::memcpy(rest_ + filled, bytes.data(), some);
      if (filled + some == 64) Block(rest_);
    }
    size_ += some;
    bytes = bytes.subspan(some);
  }
}

std::string Sha1::Digest() {
  const uint64_t bits = 8 * size_;
  std::byte padding[72] = {std::byte{0x80}};
  const size_t zeros = (119 - size_ % 64) % 64 + 1;  // the 0x80 with them; the length then ends a block
  for (int i = 0; i < 8; ++i) padding[zeros + static_cast<size_t>(i)] = static_cast<std::byte>(bits >> (56 - 8 * i));
  Update({padding, zeros + 8});
  std::string hex;
  for (const uint32_t word : state_)
    for (int shift = 28; shift >= 0; shift -= 4) hex += "0123456789abcdef"[word >> shift & 15];
  return hex;
}

}  // namespace decal
