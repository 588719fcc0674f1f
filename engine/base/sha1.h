// SHA-1 (RFC 3174), for the checksums that ONNX gives files of weights: it finds damage, not forgery.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace decal {

class Sha1 {
 public:
  void Update(std::span<const std::byte> bytes);
  // Lower-case hex. Ends the use of this object.
  std::string Digest();

 private:
  void Block(const std::byte* block);

  uint32_t state_[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  uint64_t size_ = 0;  // bytes so far
  std::byte rest_[64];
};

}  // namespace decal
