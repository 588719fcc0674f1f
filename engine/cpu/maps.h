// What CPU kernels of feature maps share: tensors as maps, and a partition of rows.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "engine/cpu/simd/feature_map.h"
#include "engine/cpu/kernel.h"

namespace decal {

// True for a float32 tensor [N,C,H,W] whose channels lie side by side.
inline bool IsChannelsLastMap(const TensorView& view) {
  return view.dtype == DType::kFloat32 && view.shape.rank() == 4 && view.shape.elements() > 0 &&
         (view.strides[1] == 1 || view.shape[1] == 1);
}

// Picture `n` of a tensor that IsChannelsLastMap.
inline cpu::FeatureMap MapOf(const TensorView& view, int64_t n) {
  return {view.as<float>() + n * view.strides[0],  static_cast<size_t>(view.shape[2]),
          static_cast<size_t>(view.shape[3]),      static_cast<size_t>(view.shape[1]),
          static_cast<ptrdiff_t>(view.strides[2]), static_cast<ptrdiff_t>(view.strides[3])};
}

inline cpu::MutableFeatureMap MapOf(const MutableTensorView& view, int64_t n) {
  return {view.as<float>() + n * view.strides[0],  static_cast<size_t>(view.shape[2]),
          static_cast<size_t>(view.shape[3]),      static_cast<size_t>(view.shape[1]),
          static_cast<ptrdiff_t>(view.strides[2]), static_cast<ptrdiff_t>(view.strides[3])};
}

// A fixed partition of `rows` rows of `row_elements` each into tasks of about kTaskElements.
struct RowTasks {
  RowTasks(size_t rows, size_t row_elements)
      : rows(rows), rows_per_task(std::max<size_t>(1, cpu::kTaskElements / std::max<size_t>(1, row_elements))) {}

  size_t count() const { return (rows + rows_per_task - 1) / rows_per_task; }
  size_t begin(size_t task) const { return task * rows_per_task; }
  size_t end(size_t task) const { return std::min(rows, (task + 1) * rows_per_task); }

  size_t rows;
  size_t rows_per_task;
};

}  // namespace decal
