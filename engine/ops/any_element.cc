// The parts of element access that look at values.
// SPDX-License-Identifier: MIT
#include "engine/ops/any_element.h"

#include <bit>
#include <cmath>

#include "engine/base/element.h"

namespace decal {
namespace {

constexpr uint64_t kSignBit = uint64_t{1} << 63;

}  // namespace

uint64_t OrderKey(const TensorView& view, int64_t offset) {
  if (!IsFloating(view.dtype)) {
    const uint64_t bits = LoadInteger(view.dtype, view.data, offset);
    return IsSigned(view.dtype) ? bits ^ kSignBit : bits;
  }
  const double number = LoadNumber(view.dtype, view.data, offset) + 0.0;
  if (std::isnan(number)) return UINT64_MAX;
  const uint64_t bits = std::bit_cast<uint64_t>(number);
  return bits & kSignBit ? ~bits : bits | kSignBit;
}

}  // namespace decal
