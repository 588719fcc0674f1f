// What happens when a small allocation inside the C++ library is refused: there are no exceptions to throw.
// SPDX-License-Identifier: MIT
#include <__verbose_abort>
#include <cstdlib>
#include <new>

#include "wasm/errors.h"

// Tensors, weights and pictures are allocated through Buffer, which reports a refusal as an error. What is
// left are strings and containers of a few kB: without them nothing can go on, so the module records the
// reason without allocating, and ends.
void* operator new(size_t size) {
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  decal::SetOutOfMemoryError();
  __builtin_trap();
}

void* operator new(size_t size, const std::nothrow_t&) noexcept { return std::malloc(size == 0 ? 1 : size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return std::malloc(size == 0 ? 1 : size); }
void* operator new[](size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

// Where libc++ finds a broken promise of ours (an index out of range). Its own version prints with printf, which would be
// a fiftieth of the module.
[[noreturn]] void std::__libcpp_verbose_abort(const char*, ...) noexcept { __builtin_trap(); }
