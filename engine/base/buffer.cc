// Aligned allocation, so that a refusal is a value rather than an exception.
// SPDX-License-Identifier: MIT
#include "engine/base/buffer.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

// AddressSanitizer knows the bounds of what malloc gave, and of nothing else.
#if defined(__SANITIZE_ADDRESS__)
#define DECAL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DECAL_ASAN 1
#endif
#endif
#if defined(__linux__) && !defined(DECAL_ASAN)
#define DECAL_MAPPED_BUFFERS 1
#include <sys/mman.h>
#endif
#if defined(__GLIBC__) && !defined(DECAL_ASAN)
#include <malloc.h>
#endif

namespace decal {
namespace {

#ifdef DECAL_MAPPED_BUFFERS
// Larger buffers are mapped, so that weights return to the system when they were packed; from malloc's heap they
// would not before everything above them was freed too. (IS-Net at 1024: 90 MB of the peak.)
constexpr size_t kMappedBytes = 64 << 10;

// From this size on the system is asked for pages of 2 MB, which it gives where it can. The command's first picture has 22,000 page faults
// instead of 42,000, and takes 0.39 s of processor time instead of 0.45 (medians of ten runs in turn on a busy machine).
constexpr size_t kLargestSmallPage = 64 << 10;  // of some arm64 systems
constexpr size_t kHugePageBytes = size_t{2} << 20;
constexpr size_t kHugeBytes = 2 * kHugePageBytes;

std::byte* Map(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
}

void* AllocateBytes(size_t bytes) {
  if (bytes < kMappedBytes) return std::aligned_alloc(kAlignment, bytes);
  if (bytes < kHugeBytes || bytes > SIZE_MAX - kHugePageBytes) return Map(bytes);
  // From the beginning of a large page; what is before and after goes back.
  bytes = AlignUp(bytes, kLargestSmallPage);
  std::byte* mapped = Map(bytes + kHugePageBytes);
  if (mapped == nullptr) return nullptr;
  const size_t before =
      AlignUp(reinterpret_cast<uintptr_t>(mapped), kHugePageBytes) - reinterpret_cast<uintptr_t>(mapped);
  std::byte* memory = mapped + before;
  if (before > 0) munmap(mapped, before);
  munmap(memory + bytes, kHugePageBytes - before);
  // Whole ones only: the rest would take more memory than requested. If the system refuses, only speed is lost.
  madvise(memory, bytes / kHugePageBytes * kHugePageBytes, MADV_HUGEPAGE);
  return memory;
}
void FreeBytes(void* memory, size_t bytes) {
  if (bytes < kMappedBytes) std::free(memory);
  else munmap(memory, bytes < kHugeBytes ? bytes : AlignUp(bytes, kLargestSmallPage));
}
#elif defined(__wasm__)
// Memory never returns to the system here, so what is freed must be reused: a packed weight in the place of its raw
// form. dlmalloc's aligned_alloc asks for more than it keeps and so never fits into a hole of its own making.
void* AllocateBytes(size_t bytes) {
  if (bytes > SIZE_MAX - kAlignment) return nullptr;
  void* start = std::malloc(bytes + kAlignment);
  if (start == nullptr) return nullptr;
  void** memory = reinterpret_cast<void**>(AlignUp(reinterpret_cast<uintptr_t>(start) + 1));
  memory[-1] = start;  // malloc's own alignment leaves room for a pointer
  return memory;
}
void FreeBytes(void* memory, size_t) { std::free(static_cast<void**>(memory)[-1]); }
#else
void* AllocateBytes(size_t bytes) { return std::aligned_alloc(kAlignment, bytes); }
void FreeBytes(void* memory, size_t) { std::free(memory); }
#endif

// What is asked of the system for `bytes`: whole alignment units, and never none (a null pointer means "absent").
size_t SystemBytes(size_t bytes) { return AlignUp(bytes == 0 ? 1 : bytes); }

}  // namespace

void ReturnFreeMemory() {
#if defined(__GLIBC__) && !defined(DECAL_ASAN)
  malloc_trim(0);
#endif
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_bytes_(std::exchange(other.size_bytes_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  return *this;
}

Buffer::~Buffer() {
  if (data_ != nullptr) FreeBytes(data_, SystemBytes(size_bytes_));
}

Result<Buffer> Buffer::Allocate(size_t bytes, const char* what) {
  Buffer buffer;
  void* memory = bytes > SIZE_MAX - kAlignment ? nullptr : AllocateBytes(SystemBytes(bytes));
  if (memory == nullptr) {
    return Fail(ErrorCode::kOutOfMemory, "no memory for " + std::to_string(bytes) + " bytes of " + what);
  }
  buffer.data_ = static_cast<std::byte*>(memory);
  buffer.size_bytes_ = bytes;
  return buffer;
}

}  // namespace decal
