// Adler-32 (RFC 1950, chapter 8.2), the checksum of a zlib stream, of bytes that are there and of two parts together.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace decal {

// Of `bytes`, starting from 1.
uint32_t Adler32(std::span<const uint8_t> bytes);

// Of two parts in a row, from the checksum of each and the length of the second.
uint32_t CombineAdler32(uint32_t first, uint32_t second, size_t second_bytes);

}  // namespace decal
