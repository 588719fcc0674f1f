// Aligned allocation over the C library, so that a refusal is a value rather than an exception.
#include "engine/base/buffer.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

namespace decal {

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_bytes_(std::exchange(other.size_bytes_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  return *this;
}

Buffer::~Buffer() { std::free(data_); }

Result<Buffer> Buffer::Allocate(size_t bytes, const char* what) {
  Buffer buffer;
  // Never null for zero bytes: a null data pointer in a view means "absent".
  void* memory = bytes > SIZE_MAX - kAlignment
                     ? nullptr
                     : std::aligned_alloc(kAlignment, AlignUp(bytes == 0 ? 1 : bytes));
  if (memory == nullptr) {
    return Fail(ErrorCode::kOutOfMemory, "no memory for " + std::to_string(bytes) + " bytes of " + what);
  }
  buffer.data_ = static_cast<std::byte*>(memory);
  buffer.size_bytes_ = bytes;
  return buffer;
}

}  // namespace decal
