// The parts of element access that look at values.
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

void CombineElement(ScatterReduction reduction, const TensorView& from, int64_t from_offset,
                    const MutableTensorView& to, int64_t at) {
  switch (reduction) {
    case ScatterReduction::kNone: return CopyElement(from, from_offset, to, at);
    case ScatterReduction::kMin:  // through the keys: one order for all types, and NaN wins a maximum as in NumPy
      if (OrderKey(from, from_offset) < OrderKey(to, at)) CopyElement(from, from_offset, to, at);
      return;
    case ScatterReduction::kMax:
      if (OrderKey(from, from_offset) > OrderKey(to, at)) CopyElement(from, from_offset, to, at);
      return;
    default: break;
  }
  const auto combined = [reduction](auto old, auto update) {
    return reduction == ScatterReduction::kAdd ? old + update : old * update;
  };
  if (IsFloating(to.dtype))
    StoreNumber(to.dtype, to.data, at,
                combined(LoadNumber(to.dtype, to.data, at), LoadNumber(from.dtype, from.data, from_offset)));
  else
    StoreInteger(to.dtype, to.data, at,
                 combined(LoadInteger(to.dtype, to.data, at), LoadInteger(from.dtype, from.data, from_offset)));
}

}  // namespace decal
