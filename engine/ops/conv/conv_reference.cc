// Convolutions by definition: scalar loops over any strides, sums in double.
// SPDX-License-Identifier: MIT
#include "engine/ops/conv/conv.h"
#include "engine/ops/conv/conv_geometry.h"
#include "engine/ops/epilogue.h"

namespace decal {
namespace {

// Positions along the axes of ConvGeometry.
struct Position {
  int64_t at[ConvGeometry::kAxes];
};

// Calls sum(n, m, position) for every output element and stores it through the epilogue.
template <class Sum>
void ForEachOutput(const Epilogue& epilogue, std::span<const TensorView> in, const MutableTensorView& out,
                   const Sum& sum) {
  const EpilogueInputs extra(epilogue, 3);
  const TensorView bias = Optional(in, 2), slope = Optional(in, extra.slope);
  TensorView residual = Optional(in, extra.residual);
  if (residual.present()) residual = WithSpatialRank(residual, 5);
  const TensorView y = WithSpatialRank(out, 5);
  for (StridedIndex<2> i(y.shape, {y.strides, residual.present() ? residual.strides : y.strides}); i.valid();
       i.Next()) {
    const Dims& at = i.index();
    const float r = residual.present() ? residual.as<float>()[i.offset(1)] : 0;
    out.as<float>()[i.offset(0)] = ApplyEpilogue(epilogue, sum(at[0], at[1], Position{at[3], at[4], at[2]}),
                                                 PerChannel(bias, at[1]), PerChannel(slope, at[1]), r);
  }
}

// Calls add(k, i) for every tap k and the input position i that it reads, as `source` finds it per axis: negative
// if there is none.
template <class Source, class Add>
void ForEachTap(const ConvGeometry& g, const Position& out, const Source& source, const Add& add) {
  Position k, i;
  const auto inside = [&](size_t d) {
    i.at[d] = source(d, out.at[d], k.at[d]);
    return i.at[d] >= 0 && i.at[d] < g.in[d];
  };
  for (k.at[2] = 0; k.at[2] < g.kernel[2]; ++k.at[2]) {
    if (!inside(2)) continue;
    for (k.at[0] = 0; k.at[0] < g.kernel[0]; ++k.at[0]) {
      if (!inside(0)) continue;
      for (k.at[1] = 0; k.at[1] < g.kernel[1]; ++k.at[1])
        if (inside(1)) add(k, i);
    }
  }
}

// Element [a, b, at] of a tensor of rank 5.
double At(const TensorView& v, int64_t a, int64_t b, const Position& p) {
  return double{v.as<float>()[a * v.strides[0] + b * v.strides[1] + p.at[2] * v.strides[2] + p.at[0] * v.strides[3] +
                              p.at[1] * v.strides[4]]};
}

}  // namespace

Status Reference(const Conv& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  DECAL_TRY_ASSIGN(const ConvGeometry g, Resolve(op, in[0].shape, in[1].shape));
  const TensorView x = WithSpatialRank(in[0], 5), w = WithSpatialRank(in[1], 5);
  const int64_t depth = g.in_channels / g.group, columns = g.out_channels / g.group;
  const auto source = [&](size_t d, int64_t o, int64_t k) {
    return o * g.stride[d] - g.pad_begin[d] + k * g.dilation[d];
  };
  ForEachOutput(op.epilogue, in, out[0], [&](int64_t n, int64_t m, const Position& o) {
    double sum = 0;
    ForEachTap(g, o, source, [&](const Position& k, const Position& i) {
      for (int64_t c = 0; c < depth; ++c) sum += At(x, n, m / columns * depth + c, i) * At(w, m, c, k);
    });
    return sum;
  });
  return {};
}

Status Reference(const ConvTranspose& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  DECAL_TRY_ASSIGN(const ConvGeometry g, Resolve(op, in[0].shape, in[1].shape));
  const TensorView x = WithSpatialRank(in[0], 5), w = WithSpatialRank(in[1], 5);
  const int64_t depth = g.in_channels / g.group, columns = g.out_channels / g.group;
  const auto source = [&](size_t d, int64_t o, int64_t k) {
    const int64_t p = o + g.pad_begin[d] - k * g.dilation[d];
    return p >= 0 && p % g.stride[d] == 0 ? p / g.stride[d] : -1;
  };
  ForEachOutput(op.epilogue, in, out[0], [&](int64_t n, int64_t m, const Position& o) {
    double sum = 0;
    ForEachTap(g, o, source, [&](const Position& k, const Position& i) {
      for (int64_t c = m / columns * depth; c < (m / columns + 1) * depth; ++c)
        sum += At(x, n, c, i) * At(w, c, m % columns, k);
    });
    return sum;
  });
  return {};
}

}  // namespace decal
