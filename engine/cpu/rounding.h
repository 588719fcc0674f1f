// Whole numbers up to the next multiple.
#pragma once

#include <cstddef>

namespace decal::cpu {

constexpr size_t CeilDiv(size_t a, size_t b) { return (a + b - 1) / b; }
constexpr size_t RoundUp(size_t a, size_t multiple) { return CeilDiv(a, multiple) * multiple; }

}  // namespace decal::cpu
