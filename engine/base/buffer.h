// Owned, 64-byte aligned memory whose allocation may be refused without ending the process.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>

#include "engine/base/result.h"
#include "engine/base/rounding.h"

namespace decal {

// One cache line, and the widest SIMD vector we compile for.
inline constexpr size_t kAlignment = 64;

constexpr size_t AlignUp(size_t value, size_t alignment = kAlignment) { return RoundUp(value, alignment); }

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  // Uninitialised memory; kOutOfMemory names `what` and the size.
  static Result<Buffer> Allocate(size_t bytes, const char* what);

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  size_t size_bytes() const { return size_bytes_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
};

// Hands pages that hold only freed small blocks back to the system, where the allocator keeps them otherwise: worth
// milliseconds after a large graph has been taken apart.
void ReturnFreeMemory();

}  // namespace decal
