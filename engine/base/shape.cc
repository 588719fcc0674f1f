// Text form and dense strides of shapes.
// SPDX-License-Identifier: MIT
#include "engine/base/shape.h"

namespace decal {

std::string Dims::ToString() const {
  std::string text = "[";
  for (size_t i = 0; i < rank_; ++i) {
    if (i > 0) text += ',';
    text += values_[i] < 0 ? "?" : std::to_string(values_[i]);
  }
  return text + "]";
}

Strides DenseStrides(const Shape& shape, Layout layout) {
  Strides strides = Dims::Filled(shape.rank(), 1);
  int64_t next = 1;
  const bool channels_last = layout == Layout::kChannelsLast && shape.rank() >= 3;
  if (channels_last) {
    strides[1] = 1;
    next = shape[1];
  }
  for (size_t i = shape.rank(); i-- > 0;) {
    if (channels_last && i == 1) continue;
    strides[i] = next;
    next *= shape[i];
  }
  return strides;
}

bool SamePlaces(const Shape& shape, const Strides& a, const Strides& b) {
  for (size_t i = 0; i < shape.rank(); ++i)
    if (shape[i] != 1 && a[i] != b[i]) return false;
  return true;
}

}  // namespace decal
