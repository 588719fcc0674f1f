// The specification of pooling: one window at a time, cell by cell.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <limits>

#include "engine/ops/pool/pool.h"
#include "engine/ops/pool/pool_window.h"

namespace decal {
namespace {

constexpr double kNothing = -std::numeric_limits<double>::infinity();

bool Within(int64_t at, int64_t begin, int64_t end) { return at >= begin && at < end; }

}  // namespace

Status Reference(const Pool& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView& x = in[0];
  DECAL_TRY_ASSIGN(const PoolGeometry geometry, ResolvePool(op, x.shape));
  const size_t spatial = geometry.spatial_rank;
  Shape kernel;
  for (size_t d = 0; d < spatial; ++d) kernel.push_back(geometry.axes[d].kernel);
  // The position of an element of a map in the order of the indices.
  Strides order = Dims::Filled(spatial, 1);
  for (size_t d = 1; d < spatial; ++d) {
    if (op.columns_first) order[d] = order[d - 1] * x.shape[2 + d - 1];
    else order[spatial - 1 - d] = order[spatial - d] * x.shape[2 + spatial - d];
  }
  int64_t map_elements = 1;
  for (size_t d = 0; d < spatial; ++d) map_elements *= x.shape[2 + d];

  for (StridedIndex<1> i(out[0].shape, {out[0].strides}); i.valid(); i.Next()) {
    const int64_t origin = i.index()[0] * x.strides[0] + i.index()[1] * x.strides[1];
    double sum = 0, best = kNothing;
    int64_t counted = 0, best_index = 0;
    for (StridedIndex<0> cell(kernel, {}); cell.valid(); cell.Next()) {
      bool counts = true, inside = true;
      int64_t offset = origin, index = 0;
      for (size_t d = 0; d < spatial; ++d) {
        const PoolAxis& axis = geometry.axes[d];
        const int64_t at = i.index()[2 + d] * axis.stride - axis.pad_begin + cell.index()[d] * axis.dilation;
        counts = counts && Within(at, axis.count_begin, axis.count_end);
        inside = inside && Within(at, 0, axis.extent);
        offset += at * x.strides[2 + d];
        index += at * order[d];
      }
      counted += counts;
      if (!inside) continue;
      const double value = LoadFloat(x, offset);
      sum += value;
      if (value > best) best = value, best_index = index;
    }
    const double average = counted > 0 ? sum / static_cast<double>(counted) : 0.0;
    StoreFloat(out[0], i.offset(0), op.kind == PoolKind::kMax ? best : average);
    if (out.size() < 2) continue;
    int64_t to = 0;
    for (size_t d = 0; d < i.index().rank(); ++d) to += i.index()[d] * out[1].strides[d];
    out[1].as<int64_t>()[to] = (i.index()[0] * x.shape[1] + i.index()[1]) * map_elements + best_index;
  }
  return {};
}

Status Reference(const GlobalPool& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView& x = in[0];
  Shape map_shape;
  Strides map_strides;
  for (size_t d = 2; d < x.shape.rank(); ++d) {
    map_shape.push_back(x.shape[d]);
    map_strides.push_back(x.strides[d]);
  }
  for (StridedIndex<1> i(out[0].shape, {out[0].strides}); i.valid(); i.Next()) {
    const int64_t origin = i.index()[0] * x.strides[0] + i.index()[1] * x.strides[1];
    double sum = 0, best = kNothing;
    for (StridedIndex<1> cell(map_shape, {map_strides}); cell.valid(); cell.Next()) {
      const double value = LoadFloat(x, origin + cell.offset(0));
      sum += value;
      best = std::max(best, value);
    }
    const double average = sum / static_cast<double>(map_shape.elements());
    StoreFloat(out[0], i.offset(0), op.kind == PoolKind::kMax ? best : average);
  }
  return {};
}

}  // namespace decal
