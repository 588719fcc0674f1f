// Merging the rows of a matrix product into few loops.
// SPDX-License-Identifier: MIT
#include "engine/ops/matmul/matrix_rows.h"

#include "engine/ops/shape_rule.h"

namespace decal {
namespace {

Strides LeadingStrides(const TensorView& view, const Shape& leading) {
  Dims shape, strides;
  for (size_t i = 0; i + 1 < view.shape.rank(); ++i) shape.push_back(view.shape[i]), strides.push_back(view.strides[i]);
  return BroadcastTo({nullptr, view.dtype, shape, strides}, leading).strides;
}

}  // namespace

std::optional<RowLoops> CollapseRows(const Matrices& m, bool has_residual) {
  Shape leading;
  for (size_t i = 0; i + 1 < m.rank(); ++i) leading.push_back(m.out.shape[i]);
  const Strides a = LeadingStrides(m.a, leading), out = LeadingStrides(m.out, leading);
  const Strides residual = has_residual ? LeadingStrides(m.residual, leading) : out;
  RowLoops loops;
  size_t next = 3;
  for (size_t d = leading.rank(); d-- > 0;) {
    if (leading[d] == 1) continue;
    if (next < 3) {
      const int64_t extent = loops.extent[next];
      if (a[d] == loops.a[next] * extent && out[d] == loops.out[next] * extent &&
          residual[d] == loops.residual[next] * extent) {
        loops.extent[next] *= leading[d];
        continue;
      }
    }
    if (next == 0) return std::nullopt;
    --next;
    loops.extent[next] = leading[d];
    loops.a[next] = a[d];
    loops.out[next] = out[d];
    loops.residual[next] = residual[d];
  }
  return loops;
}

Strides BatchStrides(const TensorView& view, const Shape& batch) {
  return BroadcastTo({nullptr, view.dtype, BatchOf(view.shape), BatchOf(view.strides)}, batch).strides;
}

}  // namespace decal
