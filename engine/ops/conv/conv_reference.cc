// Convolutions by definition: scalar loops over any strides, sums in double.
#include "engine/ops/conv/conv.h"
#include "engine/ops/conv/conv_geometry.h"
#include "engine/ops/epilogue.h"

namespace decal {
namespace {

TensorView Optional(std::span<const TensorView> in, size_t i) { return i < in.size() ? in[i] : TensorView{}; }

// Calls sum(n, m, y, x) for every output element and stores it through the epilogue.
template <class Sum>
void ForEachOutput(const ConvGeometry& g, const Epilogue& epilogue, std::span<const TensorView> in,
                   const MutableTensorView& out, const Sum& sum) {
  const EpilogueInputs extra(epilogue, 3);
  const TensorView bias = Optional(in, 2), slope = Optional(in, extra.slope);
  TensorView residual = Optional(in, extra.residual);
  if (residual.present()) residual = AsRank4(residual);
  const Strides s = AsRank4(out).strides;
  for (int64_t n = 0; n < g.batch; ++n)
    for (int64_t m = 0; m < g.out_channels; ++m)
      for (int64_t y = 0; y < g.out[0]; ++y)
        for (int64_t x = 0; x < g.out[1]; ++x) {
          float r = 0;
          if (residual.present()) {
            const Strides& rs = residual.strides;
            r = residual.as<float>()[n * rs[0] + m * rs[1] + y * rs[2] + x * rs[3]];
          }
          out.as<float>()[n * s[0] + m * s[1] + y * s[2] + x * s[3]] =
              ApplyEpilogue(epilogue, sum(n, m, y, x), PerChannel(bias, m), PerChannel(slope, m), r);
        }
}

}  // namespace

Status Reference(const Conv& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  DECAL_TRY_ASSIGN(const ConvGeometry g, Resolve(op, in[0].shape, in[1].shape));
  const TensorView x = AsRank4(in[0]), w = AsRank4(in[1]);
  const int64_t depth = g.in_channels / g.group, columns = g.out_channels / g.group;
  ForEachOutput(g, op.epilogue, in, out[0], [&](int64_t n, int64_t m, int64_t oy, int64_t ox) {
    double sum = 0;
    for (int64_t ky = 0; ky < g.kernel[0]; ++ky) {
      const int64_t iy = oy * g.stride[0] - g.pad_begin[0] + ky * g.dilation[0];
      if (iy < 0 || iy >= g.in[0]) continue;
      for (int64_t kx = 0; kx < g.kernel[1]; ++kx) {
        const int64_t ix = ox * g.stride[1] - g.pad_begin[1] + kx * g.dilation[1];
        if (ix < 0 || ix >= g.in[1]) continue;
        for (int64_t k = 0; k < depth; ++k)
          sum += double{x.as<float>()[n * x.strides[0] + (m / columns * depth + k) * x.strides[1] +
                                      iy * x.strides[2] + ix * x.strides[3]]} *
                 double{w.as<float>()[m * w.strides[0] + k * w.strides[1] + ky * w.strides[2] + kx * w.strides[3]]};
      }
    }
    return sum;
  });
  return {};
}

Status Reference(const ConvTranspose& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  DECAL_TRY_ASSIGN(const ConvGeometry g, Resolve(op, in[0].shape, in[1].shape));
  const TensorView x = AsRank4(in[0]), w = AsRank4(in[1]);
  const int64_t depth = g.in_channels / g.group, columns = g.out_channels / g.group;
  ForEachOutput(g, op.epilogue, in, out[0], [&](int64_t n, int64_t m, int64_t oy, int64_t ox) {
    double sum = 0;
    for (int64_t ky = 0; ky < g.kernel[0]; ++ky) {
      const int64_t py = oy + g.pad_begin[0] - ky * g.dilation[0];
      if (py < 0 || py % g.stride[0] != 0 || py / g.stride[0] >= g.in[0]) continue;
      for (int64_t kx = 0; kx < g.kernel[1]; ++kx) {
        const int64_t px = ox + g.pad_begin[1] - kx * g.dilation[1];
        if (px < 0 || px % g.stride[1] != 0 || px / g.stride[1] >= g.in[1]) continue;
        for (int64_t k = 0; k < depth; ++k) {
          const int64_t c = m / columns * depth + k;
          sum += double{x.as<float>()[n * x.strides[0] + c * x.strides[1] + py / g.stride[0] * x.strides[2] +
                                      px / g.stride[1] * x.strides[3]]} *
                 double{w.as<float>()[c * w.strides[0] + m % columns * w.strides[1] + ky * w.strides[2] +
                                      kx * w.strides[3]]};
        }
      }
    }
    return sum;
  });
  return {};
}

}  // namespace decal
