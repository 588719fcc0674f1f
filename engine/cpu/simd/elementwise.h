// Vectorised arithmetic on two operands over a two-dimensional strided tile.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace decal::cpu {

// kPRelu: a < 0 ? a * b : a.
enum class Arithmetic : uint8_t { kAdd, kSub, kMul, kDiv, kMin, kMax, kPRelu, kPow };

struct ArithmeticTile {
  const float* a = nullptr;
  const float* b = nullptr;
  float* out = nullptr;  // may be a or b if the strides are the same
  size_t rows = 0;
  size_t columns = 0;
  ptrdiff_t a_row = 0, b_row = 0, out_row = 0;           // strides in elements
  ptrdiff_t a_column = 0, b_column = 0, out_column = 0;  // fast where out's is 1 and the others are 0 or 1
};

void RunArithmetic(Arithmetic kind, const ArithmeticTile& tile);

}  // namespace decal::cpu
