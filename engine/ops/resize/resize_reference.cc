// The specification of Resize: every output element from the product of its axes' taps.
// SPDX-License-Identifier: MIT
#include <cstring>
#include <vector>

#include "engine/ops/resize/resize.h"
#include "engine/ops/resize/resize_taps.h"

namespace decal {
namespace {

// Sum over the taps of dimensions d, d + 1, ...; `offset` holds the dimensions before.
double Interpolate(const TensorView& x, std::span<const WideTaps* const> taps, size_t d, int64_t offset) {
  if (d == taps.size()) return LoadFloat(x, offset);
  double sum = 0;
  for (size_t i = 0; i < taps[d]->index.size(); ++i) {
    if (taps[d]->weight[i] == 0) continue;
    sum += taps[d]->weight[i] * Interpolate(x, taps, d + 1, offset + taps[d]->index[i] * x.strides[d]);
  }
  return sum;
}

}  // namespace

Status Reference(const Resize& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView& x = in[0];
  DECAL_TRY_ASSIGN(const ResizeParameters parameters, ReadResizeParameters(op, in));
  DECAL_TRY_ASSIGN(const ResizeAxes axes, AxesOf(op, x.shape, parameters));
  std::array<std::vector<WideTaps>, kMaxRank> table;  // by dimension and position
  for (size_t d = 0; d < axes.rank; ++d)
    for (int64_t at = 0; at < axes.axes[d].out; ++at) {
      if (IsIdentity(op, axes.axes[d])) table[d].push_back({{at}, {1}});
      else table[d].push_back(WideTapsAt(op, axes.axes[d], at));
    }

  const size_t element_bytes = SizeOf(x.dtype);
  const std::byte* from = x.as<std::byte>();
  std::byte* to = out[0].as<std::byte>();
  std::array<const WideTaps*, kMaxRank> taps{};
  for (StridedIndex<1> i(out[0].shape, {out[0].strides}); i.valid(); i.Next()) {
    bool outside = false;
    for (size_t d = 0; d < axes.rank; ++d) {
      taps[d] = &table[d][static_cast<size_t>(i.index()[d])];
      outside = outside || taps[d]->outside;
    }
    if (outside) {
      StoreFloat(out[0], i.offset(0), op.extrapolation);
    } else if (op.mode == ResizeMode::kNearest) {  // of any element type
      int64_t offset = 0;
      for (size_t d = 0; d < axes.rank; ++d) offset += taps[d]->index[0] * x.strides[d];
      std::memcpy(to + i.offset(0) * static_cast<int64_t>(element_bytes),
                  from + offset * static_cast<int64_t>(element_bytes), element_bytes);
    } else {
      StoreFloat(out[0], i.offset(0), Interpolate(x, std::span(taps.data(), axes.rank), 0, 0));
    }
  }
  return {};
}

}  // namespace decal
