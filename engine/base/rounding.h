// Whole numbers, not negative, divided upwards and up to the next multiple.
// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <type_traits>

namespace decal {

template <std::integral T>
constexpr T CeilDiv(T a, std::type_identity_t<T> b) {
  return (a + b - 1) / b;
}

template <std::integral T>
constexpr T RoundUp(T a, std::type_identity_t<T> multiple) {
  return CeilDiv(a, multiple) * multiple;
}

}  // namespace decal
