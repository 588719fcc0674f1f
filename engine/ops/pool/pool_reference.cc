// The specification of pooling: one window at a time, cell by cell.
#include <algorithm>
#include <limits>

#include "engine/ops/pointwise.h"
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
  const bool two = geometry.spatial_rank == 2;
  const cpu::PoolAxis unit;  // a map without rows is one row
  const cpu::PoolAxis& rows = two ? geometry.axes[0] : unit;
  const cpu::PoolAxis& columns = two ? geometry.axes[1] : geometry.axes[0];
  const int64_t row_stride = two ? x.strides[2] : 0;
  const int64_t column_stride = x.strides[two ? 3 : 2];

  for (StridedIndex<1> i(out[0].shape, {out[0].strides}); i.valid(); i.Next()) {
    const int64_t origin = i.index()[0] * x.strides[0] + i.index()[1] * x.strides[1];
    const int64_t top = (two ? i.index()[2] : 0) * rows.stride - rows.pad_begin;
    const int64_t left = i.index()[two ? 3 : 2] * columns.stride - columns.pad_begin;
    double sum = 0, best = kNothing;
    int64_t counted = 0;
    for (int64_t ky = 0; ky < rows.kernel; ++ky) {
      for (int64_t kx = 0; kx < columns.kernel; ++kx) {
        const int64_t iy = top + ky * rows.dilation, ix = left + kx * columns.dilation;
        if (Within(iy, rows.count_begin, rows.count_end) && Within(ix, columns.count_begin, columns.count_end))
          ++counted;
        if (!Within(iy, 0, rows.extent) || !Within(ix, 0, columns.extent)) continue;
        const double value = LoadFloat(x, origin + iy * row_stride + ix * column_stride);
        sum += value;
        best = std::max(best, value);
      }
    }
    const double average = counted > 0 ? sum / static_cast<double>(counted) : 0.0;
    StoreFloat(out[0], i.offset(0), op.kind == PoolKind::kMax ? best : average);
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
