// Single elements of tensors of any type: copied, compared and combined without a loop for each type.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#include "engine/base/element.h"
#include "engine/base/tensor_view.h"

namespace decal {

inline void CopyElement(const TensorView& from, int64_t from_offset, const MutableTensorView& to, int64_t to_offset) {
  const int64_t size = static_cast<int64_t>(SizeOf(from.dtype));
  std::memcpy(to.as<char>() + to_offset * size, from.as<char>() + from_offset * size, static_cast<size_t>(size));
}

// The types that ONNX accepts for indices.
inline bool IsIndex(DType dtype) { return dtype == DType::kInt64 || dtype == DType::kInt32; }

inline int64_t IndexAt(const TensorView& indices, int64_t offset) {
  return indices.dtype == DType::kInt32 ? indices.as<int32_t>()[offset] : indices.as<int64_t>()[offset];
}

// Calls fn(zero, load, store) with a zero of the type that elements of `dtype` are summed in: double for floats,
// uint64_t, which wraps, for integers.
template <class Fn>
void WithSums(DType dtype, const Fn& fn) {
  if (IsFloating(dtype)) {
    fn(
        double{}, [](const TensorView& v, int64_t at) { return LoadNumber(v.dtype, v.data, at); },
        [](const MutableTensorView& v, int64_t at, double value) { StoreNumber(v.dtype, v.data, at, value); });
  } else {
    fn(
        uint64_t{}, [](const TensorView& v, int64_t at) { return LoadInteger(v.dtype, v.data, at); },
        [](const MutableTensorView& v, int64_t at, uint64_t value) { StoreInteger(v.dtype, v.data, at, value); });
  }
}

// A number that orders elements of one type as their values are ordered; -0 equals 0, NaN is above all.
uint64_t OrderKey(const TensorView& view, int64_t offset);

}  // namespace decal
