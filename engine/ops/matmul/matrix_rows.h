// The operands of a matrix product as matrices whose rows are walked by few loops: what its kernels share.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "engine/base/tensor_view.h"
#include "engine/ops/matmul/matrix_view.h"

namespace decal {

// The operands as matrices with leading batch dimensions.
struct Matrices {
  TensorView a, b, out, residual;
  size_t rank() const { return out.shape.rank(); }
  int64_t rows() const { return out.shape[rank() - 2]; }
  int64_t columns() const { return out.shape.back(); }
  int64_t depth() const { return a.shape.back(); }
};

inline bool UnitColumns(const TensorView& view) { return view.shape.back() <= 1 || view.strides.back() == 1; }

// All dimensions but the last as at most three loops, merging neighbours that every operand steps through evenly.
struct RowLoops {
  int64_t extent[3] = {1, 1, 1};
  int64_t a[3] = {}, out[3] = {}, residual[3] = {};
};
std::optional<RowLoops> CollapseRows(const Matrices& m, bool has_residual);

// Strides of the batch dimensions of `view`, 0 if it broadcasts.
Strides BatchStrides(const TensorView& view, const Shape& batch);

}  // namespace decal
