// Shape rule and scalar reference of deformable convolution.
#include <cmath>
#include <string>

#include "engine/ops/conv/conv_geometry.h"
#include "engine/ops/deform_conv/deform_conv.h"
#include "engine/ops/epilogue.h"

namespace decal {
namespace {

std::unexpected<Error> Mismatch(std::string what) { return Fail(ErrorCode::kShapeMismatch, std::move(what)); }

TensorView Optional(std::span<const TensorView> in, size_t i) { return i < in.size() ? in[i] : TensorView{}; }

float ElementOf(const TensorView& vector, int64_t i) {
  if (!vector.present()) return 0;
  for (size_t d = 0; d < vector.shape.rank(); ++d)
    if (vector.shape[d] != 1) return vector.as<float>()[i * vector.strides[d]];
  return vector.as<float>()[0];
}

// Channel `c` of picture `n` at a fractional position; pixels outside are 0.
double Sample(const TensorView& x, int64_t n, int64_t c, float py, float px) {
  const float floor_y = std::floor(py), floor_x = std::floor(px);
  // Positions that no pixel touches, infinities and NaN among them.
  if (!(floor_y >= -1 && floor_x >= -1 && floor_y < static_cast<float>(x.shape[2]) && floor_x < static_cast<float>(x.shape[3]))) return 0;
  const int64_t y0 = static_cast<int64_t>(floor_y), x0 = static_cast<int64_t>(floor_x);
  const double fy = py - floor_y, fx = px - floor_x;
  double sum = 0;
  for (int64_t dy : {0, 1})
    for (int64_t dx : {0, 1}) {
      const int64_t row = y0 + dy, column = x0 + dx;
      if (row < 0 || row >= x.shape[2] || column < 0 || column >= x.shape[3]) continue;
      sum += (dy ? fy : 1 - fy) * (dx ? fx : 1 - fx) *
             double{x.as<float>()[n * x.strides[0] + c * x.strides[1] + row * x.strides[2] + column * x.strides[3]]};
    }
  return sum;
}

Conv AsConv(const DeformConv& op) { return Conv{op.window, op.group, {}}; }

}  // namespace

InferResult Infer(const DeformConv& op, const InferContext& c) {
  for (size_t i = 0; i < kDeformInputs; ++i) {
    if (!c.has(i)) {
      if (i <= kDeformOffset) return Mismatch("input, weight or offset is missing");
      continue;
    }
    if (c[i].dtype != DType::kFloat32) return Fail(ErrorCode::kUnsupportedOperator, std::string("deformable convolution of type ") + Name(c[i].dtype));
    if (i != kDeformBias && c[i].shape.rank() != 4) return Mismatch("deformable convolution of " + c[i].shape.ToString());
  }
  DECAL_TRY_ASSIGN(const ConvGeometry g, Resolve(AsConv(op), c[0].shape, c[1].shape));
  const Shape out = g.output_shape();
  const int64_t taps = g.kernel[0] * g.kernel[1];
  if (op.offset_group < 1 || op.offset_group > g.in_channels || g.in_channels % op.offset_group != 0)
    return Mismatch("offset_group " + std::to_string(op.offset_group) + " of " + std::to_string(g.in_channels) + " channels");
  const Shape moves{g.batch, op.offset_group * taps, out[2], out[3]};
  Shape pairs = moves;
  pairs[1] *= 2;
  if (!(c[kDeformOffset].shape == pairs)) return Mismatch("offset " + c[kDeformOffset].shape.ToString() + " where " + pairs.ToString() + " is needed");
  if (c.has(kDeformMask) && !(c[kDeformMask].shape == moves))
    return Mismatch("mask " + c[kDeformMask].shape.ToString() + " where " + moves.ToString() + " is needed");
  if (c.has(kDeformBias) && c[kDeformBias].shape.elements() != g.out_channels)
    return Mismatch("bias " + c[kDeformBias].shape.ToString() + " for " + std::to_string(g.out_channels) + " channels");
  const EpilogueInputs extra(op.epilogue, kDeformInputs);
  if (extra.slope != EpilogueInputs::kAbsent && (!c.has(extra.slope) || c[extra.slope].shape.elements() != g.out_channels)) return Mismatch("slope");
  if (extra.residual != EpilogueInputs::kAbsent && (!c.has(extra.residual) || !(c[extra.residual].shape == out))) return Mismatch("residual");
  return std::vector<TensorType>{{DType::kFloat32, out}};
}

Status Reference(const DeformConv& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView &x = in[0], &w = in[1], &offset = in[kDeformOffset];
  DECAL_TRY_ASSIGN(const ConvGeometry g, Resolve(AsConv(op), x.shape, w.shape));
  const EpilogueInputs extra(op.epilogue, kDeformInputs);
  const TensorView bias = Optional(in, kDeformBias), mask = Optional(in, kDeformMask);
  const TensorView slope = Optional(in, extra.slope), residual = Optional(in, extra.residual);
  const int64_t depth = g.in_channels / g.group, columns = g.out_channels / g.group;
  const int64_t offset_depth = g.in_channels / op.offset_group, taps = g.kernel[0] * g.kernel[1];
  const auto at = [](const TensorView& view, int64_t n, int64_t channel, const Dims& place) {
    return view.as<float>()[n * view.strides[0] + channel * view.strides[1] + place[2] * view.strides[2] + place[3] * view.strides[3]];
  };
  for (StridedIndex<1> i(out[0].shape, {out[0].strides}); i.valid(); i.Next()) {
    const Dims& place = i.index();
    const int64_t n = place[0], m = place[1];
    double sum = 0;
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t k = 0; k < depth; ++k) {
        const int64_t c = m / columns * depth + k, move = c / offset_depth * taps + tap;
        const float y = static_cast<float>(place[2] * g.stride[0] - g.pad_begin[0] + tap / g.kernel[1] * g.dilation[0]);
        const float xx = static_cast<float>(place[3] * g.stride[1] - g.pad_begin[1] + tap % g.kernel[1] * g.dilation[1]);
        double sample = Sample(x, n, c, y + at(offset, n, 2 * move, place), xx + at(offset, n, 2 * move + 1, place));
        if (mask.present()) sample *= at(mask, n, move, place);
        sum += sample * w.as<float>()[m * w.strides[0] + k * w.strides[1] + tap / g.kernel[1] * w.strides[2] + tap % g.kernel[1] * w.strides[3]];
      }
    }
    const float r = residual.present() ? at(residual, n, m, place) : 0.0f;
    out[0].as<float>()[i.offset(0)] = ApplyEpilogue(op.epilogue, sum, ElementOf(bias, m), ElementOf(slope, m), r);
  }
  return {};
}

LayoutNeed LayoutOf(const DeformConv&) { return LayoutNeed::kChannelsLast; }

}  // namespace decal
