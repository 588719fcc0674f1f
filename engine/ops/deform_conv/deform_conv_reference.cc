// DeformConv by definition: scalar loops over any strides, sums in double.
// SPDX-License-Identifier: MIT
#include <cmath>

#include "engine/ops/conv/conv_geometry.h"
#include "engine/ops/deform_conv/deform_conv.h"
#include "engine/ops/epilogue.h"

namespace decal {
namespace {

float At(const TensorView& view, int64_t a, int64_t b, int64_t c, int64_t d) {
  const Strides& s = view.strides;
  return view.as<float>()[a * s[0] + b * s[1] + c * s[2] + d * s[3]];
}

// Between the four pixels around (y, x); those outside count as zeros, so that the border fades over one pixel.
double Bilinear(const TensorView& image, int64_t n, int64_t c, double y, double x) {
  const int64_t height = image.shape[2], width = image.shape[3];
  // Also refuses NaN, and what would overflow below.
  if (!(y > -1 && y < static_cast<double>(height) && x > -1 && x < static_cast<double>(width))) return 0;
  const int64_t top = static_cast<int64_t>(std::floor(y)), left = static_cast<int64_t>(std::floor(x));
  const double fy = y - static_cast<double>(top), fx = x - static_cast<double>(left);
  double sum = 0;
  for (int64_t dy = 0; dy < 2; ++dy)
    for (int64_t dx = 0; dx < 2; ++dx) {
      if (top + dy < 0 || top + dy >= height || left + dx < 0 || left + dx >= width) continue;
      sum += (dy ? fy : 1 - fy) * (dx ? fx : 1 - fx) * double{At(image, n, c, top + dy, left + dx)};
    }
  return sum;
}

}  // namespace

Status Reference(const DeformConv& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView &x = in[kDeformX], &w = in[kDeformWeight], &offset = in[kDeformOffset];
  DECAL_TRY_ASSIGN(const ConvGeometry g, Resolve(Conv{op.window, op.group}, x.shape, w.shape));
  const EpilogueInputs extra(op.epilogue, kDeformInputs);
  const auto optional = [&](size_t i) { return i < in.size() ? in[i] : TensorView{}; };
  const TensorView bias = optional(kDeformBias), mask = optional(kDeformMask);
  const TensorView slope = optional(extra.slope), residual = optional(extra.residual);
  const int64_t depth = g.in_channels / g.group, columns = g.out_channels / g.group;
  const int64_t taps = g.kernel[0] * g.kernel[1], offset_depth = g.in_channels / op.offset_group;

  for (StridedIndex<1> i(out[0].shape, {out[0].strides}); i.valid(); i.Next()) {
    const int64_t n = i.index()[0], m = i.index()[1], oy = i.index()[2], ox = i.index()[3];
    double sum = 0;
    for (int64_t k = 0; k < depth; ++k) {
      const int64_t c = m / columns * depth + k;
      for (int64_t t = 0; t < taps; ++t) {
        const int64_t ky = t / g.kernel[1], kx = t % g.kernel[1], pair = c / offset_depth * taps + t;
        // Positions are float sums, as everywhere else where deformable convolution is computed: models are trained so.
        const float y = static_cast<float>(oy * g.stride[0] - g.pad_begin[0] + ky * g.dilation[0]);
        const float px = static_cast<float>(ox * g.stride[1] - g.pad_begin[1] + kx * g.dilation[1]);
        const double value = Bilinear(x, n, c, double{y + At(offset, n, 2 * pair, oy, ox)},
                                      double{px + At(offset, n, 2 * pair + 1, oy, ox)});
        const double scale = mask.present() ? double{At(mask, n, pair, oy, ox)} : 1.0;
        sum += value * scale * double{At(w, m, k, ky, kx)};
      }
    }
    out[0].as<float>()[i.offset(0)] = ApplyEpilogue(op.epilogue, sum, PerChannel(bias, m), PerChannel(slope, m),
                                                    residual.present() ? At(residual, n, m, oy, ox) : 0.0f);
  }
  return {};
}

}  // namespace decal
