// SPDX-License-Identifier: MIT
#include "png/adler32.h"

#ifndef __wasm__
#include <isa-l/igzip_lib.h>
#endif

#include <algorithm>

namespace decal {
namespace {

constexpr uint32_t kPrime = 65521;

}  // namespace

#ifdef __wasm__
// ISA-L's, where it has no assembler, adds byte after byte: 68 ms for 24 MB in V8, for which this takes 16.
uint32_t Adler32(std::span<const uint8_t> bytes) {
  constexpr size_t kGroup = 32;  // what the compiler makes vectors of
  constexpr size_t kBlock = 5536;  // the most bytes, in whole groups, after which the sums still fit into 32 bits
  uint32_t sum = 1, sums = 0;
  while (!bytes.empty()) {
    std::span<const uint8_t> block = bytes.first(std::min(bytes.size(), kBlock));
    bytes = bytes.subspan(block.size());
    for (; block.size() >= kGroup; block = block.subspan(kGroup)) {
      const uint8_t* group = block.data();
      uint32_t plain = 0, weighted = 0;
      for (size_t i = 0; i < kGroup; ++i) {
        plain += group[i];
        weighted += static_cast<uint32_t>(kGroup - i) * group[i];
      }
      sums += kGroup * sum + weighted;
      sum += plain;
    }
    for (const uint8_t byte : block) {
      sum += byte;
      sums += sum;
    }
    sum %= kPrime;
    sums %= kPrime;
  }
  return sums << 16 | sum;
}
#else
uint32_t Adler32(std::span<const uint8_t> bytes) { return isal_adler32(1, bytes.data(), bytes.size()); }
#endif

// The sum of the second part began at 1 and really begins at that of the first, which each of its bytes counts once more.
uint32_t CombineAdler32(uint32_t first, uint32_t second, size_t second_bytes) {
  const uint64_t more = (first & 0xffff) + kPrime - 1;
  const uint64_t sum = more + (second & 0xffff);
  const uint64_t sums = (first >> 16) + (second >> 16) + second_bytes % kPrime * (more % kPrime);
  return static_cast<uint32_t>(sums % kPrime << 16 | sum % kPrime);
}

}  // namespace decal
