// Debug assertions: what kernels rely on and do not check. On where NDEBUG is not defined, as in the sanitised build.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace decal {

// Says where and what on standard error, and ends the process.
[[noreturn]] void AssertionFailed(const char* file, int line, const char* condition);

inline bool IsAligned(const void* at, size_t alignment) { return reinterpret_cast<uintptr_t>(at) % alignment == 0; }

// [a, a + n) and [b, b + n) are the same elements or have none in common.
template <class T>
bool SameOrDisjoint(const T* a, const T* b, size_t n) {
  const auto from = reinterpret_cast<uintptr_t>(a), to = reinterpret_cast<uintptr_t>(b);
  return a == b || from + n * sizeof(T) <= to || to + n * sizeof(T) <= from;
}

}  // namespace decal

// An error in the calling code. Input, however wrong, is answered with an Error.
#ifdef NDEBUG
#define DECAL_DASSERT(...) static_cast<void>(sizeof(!(__VA_ARGS__)))  // compiled, not evaluated
#else
#define DECAL_DASSERT(...) \
  ((__VA_ARGS__) ? static_cast<void>(0) : ::decal::AssertionFailed(__FILE__, __LINE__, #__VA_ARGS__))
#endif
