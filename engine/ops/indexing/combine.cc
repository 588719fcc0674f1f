// The reductions of ScatterND and ScatterElements, one element at a time.
// SPDX-License-Identifier: MIT
#include "engine/base/element.h"
#include "engine/ops/any_element.h"
#include "engine/ops/indexing/indexing.h"

namespace decal {

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
