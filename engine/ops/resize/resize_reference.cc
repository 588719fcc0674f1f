// The specification of Resize: every output element from the product of its axes' taps.
#include <cstring>

#include "engine/ops/pointwise.h"
#include "engine/ops/resize/resize.h"
#include "engine/ops/resize/resize_taps.h"

namespace decal {
namespace {

// Sum over the taps of dimensions d, d + 1, ...; `offset` holds the dimensions before.
double Interpolate(const TensorView& x, std::span<const ResizeTaps> taps, size_t d, int64_t offset) {
  if (d == taps.size()) return LoadFloat(x, offset);
  double sum = 0;
  for (size_t i = 0; i < taps[d].count; ++i) {
    if (taps[d].weight[i] == 0) continue;
    sum += taps[d].weight[i] * Interpolate(x, taps, d + 1, offset + taps[d].index[i] * x.strides[d]);
  }
  return sum;
}

}  // namespace

Status Reference(const Resize& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView& x = in[0];
  std::array<float, kMaxRank> scales{};
  const bool by_scales = in.size() > 1 && in[1].present() && in[1].shape.elements() > 0;
  for (size_t d = 0; by_scales && d < x.shape.rank(); ++d)
    scales[d] = in[1].as<float>()[static_cast<int64_t>(d) * in[1].strides[0]];
  const ResizeAxes axes = AxesOf(x.shape, out[0].shape, std::span(scales.data(), by_scales ? x.shape.rank() : 0));

  const size_t element_bytes = SizeOf(x.dtype);
  const std::byte* from = x.as<std::byte>();
  std::byte* to = out[0].as<std::byte>();
  std::array<ResizeTaps, kMaxRank> taps;
  for (StridedIndex<1> i(out[0].shape, {out[0].strides}); i.valid(); i.Next()) {
    for (size_t d = 0; d < axes.rank; ++d) {
      if (IsIdentity(op, axes.axes[d])) taps[d] = {.count = 1, .index = {i.index()[d]}};
      else taps[d] = TapsAt(op, axes.axes[d], i.index()[d]);
    }
    if (op.mode == ResizeMode::kNearest) {  // of any element type
      int64_t offset = 0;
      for (size_t d = 0; d < axes.rank; ++d) offset += taps[d].index[0] * x.strides[d];
      std::memcpy(to + i.offset(0) * static_cast<int64_t>(element_bytes),
                  from + offset * static_cast<int64_t>(element_bytes), element_bytes);
    } else {
      StoreFloat(out[0], i.offset(0), Interpolate(x, std::span(taps.data(), axes.rank), 0, 0));
    }
  }
  return {};
}

}  // namespace decal
