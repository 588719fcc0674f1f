// Quantisation by definition: any element types and strides; integer matrix products are exact.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/element.h"
#include "engine/ops/conv/conv_geometry.h"
#include "engine/ops/matmul/matrix_view.h"
#include "engine/ops/quant/quant.h"
#include "engine/ops/quant/scale_map.h"

namespace decal {
namespace {

// Element `at` of a dense tensor; its only element if it is a scalar; 0 if it is absent.
double ScalarOrElement(const TensorView& tensor, int64_t at) {
  if (!tensor.present()) return 0;
  return LoadNumber(tensor.dtype, tensor.data, tensor.shape.elements() == 1 ? 0 : at);
}

// Inlined for the type that weights have: 25 million of them are dequantised while a model loads.
double LoadCode(const TensorView& x, int64_t offset) {
  return x.dtype == DType::kInt8 ? x.as<int8_t>()[offset] : LoadNumber(x.dtype, x.data, offset);
}

double RoundHalfToEven(double value) {
  const double down = std::floor(value), rest = value - down;
  if (rest != 0.5) return rest < 0.5 ? down : down + 1;
  return std::fmod(down, 2) == 0 ? down : down + 1;
}

// Codes are at most 8 bits wide and sums at most 2^30 long: no sum leaves int64_t. The result wraps to 32 bits.
int64_t CodeAt(const TensorView& x, int64_t offset) {
  return x.dtype == DType::kInt8 ? x.as<int8_t>()[offset] : x.as<uint8_t>()[offset];
}

int64_t ZeroPointAt(const TensorView& zero, int64_t at) { return static_cast<int64_t>(ScalarOrElement(zero, at)); }

}  // namespace

Status Reference(const Quantize& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView &x = in[0], &scale = in[1], zero = Optional(in, 2);
  const MutableTensorView& y = out[0];
  DECAL_TRY_ASSIGN(const ScaleMap map, MapScales(x.shape, scale.shape, op.axis, op.block_size));
  const bool integer = IsInteger(y.dtype);
  const double codes = std::ldexp(1.0, static_cast<int>(BitsOf(y.dtype)));
  const double low = IsSigned(y.dtype) ? -codes / 2 : 0, high = low + codes - 1;
  for (StridedIndex<2> i(x.shape, {x.strides, y.strides}); i.valid(); i.Next()) {
    const int64_t at = map.at(i.index());
    // The quotient is a float32 one, as in the definition: what is a tie depends on it.
    const float quotient =
        static_cast<float>(LoadNumber(x.dtype, x.data, i.offset(0))) / static_cast<float>(ScalarOrElement(scale, at));
    double code = quotient + ScalarOrElement(zero, at);
    if (integer)
      code = std::clamp((std::isnan(quotient) ? 0 : RoundHalfToEven(quotient)) + ScalarOrElement(zero, at), low, high);
    StoreNumber(y.dtype, y.data, i.offset(1), code, {.saturate = op.saturate});
  }
  return {};
}

// Weights as files have them, dense bytes to dense floats: 25 million of them are dequantised while a model loads. The same arithmetic,
// without an index for each element: of the command's samples on one photo with the default model 0.4 % instead of 6.6 %.
void DequantizeDense(const ScaleMap& map, const TensorView& x, const TensorView& scale, const TensorView& zero,
                     float* y) {
  const int64_t elements = x.shape.elements();
  // Neighbours in memory that share their scale: those after the last dimension that has several.
  int64_t run = 1;
  for (size_t d = x.shape.rank(); d-- > 0;) {
    if (map.strides[d] != 0 && x.shape[d] > 1) {
      if (d == map.axis) run *= std::gcd(map.block, x.shape[d]);
      break;
    }
    run *= x.shape[d];
  }
  Dims index = Dims::Filled(x.shape.rank(), 0);
  const int8_t* codes = x.as<int8_t>();
  for (int64_t at = 0; at < elements; at += run) {
    for (int64_t rest = at, d = static_cast<int64_t>(x.shape.rank()) - 1; d >= 0; --d) {
      index[static_cast<size_t>(d)] = rest % x.shape[static_cast<size_t>(d)];
      rest /= x.shape[static_cast<size_t>(d)];
    }
    const int64_t of = map.at(index);
    const double s = ScalarOrElement(scale, of), z = ScalarOrElement(zero, of);
    for (int64_t i = at; i < at + run; ++i) y[i] = static_cast<float>((codes[i] - z) * s);
  }
}

Status Reference(const Dequantize& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView &x = in[0], &scale = in[1], zero = Optional(in, 2);
  const MutableTensorView& y = out[0];
  DECAL_TRY_ASSIGN(const ScaleMap map, MapScales(x.shape, scale.shape, op.axis, op.block_size));
  if (x.dtype == DType::kInt8 && y.dtype == DType::kFloat32 &&
      SamePlaces(x.shape, x.strides, DenseStrides(x.shape, Layout::kRowMajor)) &&
      SamePlaces(x.shape, y.strides, DenseStrides(x.shape, Layout::kRowMajor))) {
    DequantizeDense(map, x, scale, zero, y.as<float>());
    return {};
  }
  int64_t known = -1;  // neighbours mostly share their scale
  double s = 0, z = 0;
  for (StridedIndex<2> i(x.shape, {x.strides, y.strides}); i.valid(); i.Next()) {
    if (const int64_t at = map.at(i.index()); at != known) {
      known = at;
      s = ScalarOrElement(scale, at);
      z = ScalarOrElement(zero, at);
    }
    const double value = (LoadCode(x, i.offset(0)) - z) * s;
    if (y.dtype == DType::kFloat32) y.as<float>()[i.offset(1)] = static_cast<float>(value);
    else StoreNumber(y.dtype, y.data, i.offset(1), value);
  }
  return {};
}

Status Reference(const RoundToGrid& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  for (StridedIndex<2> i(in[0].shape, {in[0].strides, out[0].strides}); i.valid(); i.Next()) {
    const float quotient = in[0].as<float>()[i.offset(0)] / op.scale;
    const float clipped = quotient < op.low ? op.low : quotient > op.high ? op.high : quotient;
    out[0].as<float>()[i.offset(1)] = static_cast<float>(RoundHalfToEven(clipped)) * op.scale;
  }
  return {};
}

Status Reference(const DynamicQuantize&, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView& x = in[0];
  float low = 0, high = 0;  // the range always holds 0
  for (StridedIndex<1> i(x.shape, {x.strides}); i.valid(); i.Next()) {
    low = std::min(low, x.as<float>()[i.offset(0)]);
    high = std::max(high, x.as<float>()[i.offset(0)]);
  }
  const float scale = (high - low) / 255.0f;
  const bool flat = !(scale > 0);
  const double zero = flat ? 0 : std::clamp(RoundHalfToEven(-low / scale), 0.0, 255.0);
  *out[1].as<float>() = scale;
  *out[2].as<uint8_t>() = static_cast<uint8_t>(zero);
  for (StridedIndex<2> i(x.shape, {x.strides, out[0].strides}); i.valid(); i.Next()) {
    const double grid = flat ? 0 : RoundHalfToEven(x.as<float>()[i.offset(0)] / scale);
    StoreNumber(DType::kUint8, out[0].data, i.offset(1), grid + zero);
  }
  return {};
}

Status Reference(const MatMulInteger&, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView a = AsLeftMatrix(in[0]), b = AsRightMatrix(in[1]), y = AsProductMatrix(out[0], in[0], in[1]);
  const TensorView a_zero = Optional(in, 2), b_zero = Optional(in, 3);
  const size_t row = y.shape.rank() - 2, column = row + 1;
  const size_t a_row = a.shape.rank() - 2, b_row = b.shape.rank() - 2;
  const Shape batch = BatchOf(y.shape);
  const auto batch_strides = [&batch](const TensorView& v) {
    return BroadcastTo({nullptr, v.dtype, BatchOf(v.shape), BatchOf(v.strides)}, batch).strides;
  };
  for (StridedIndex<3> i(batch, {batch_strides(a), batch_strides(b), BatchOf(y.strides)}); i.valid(); i.Next()) {
    for (int64_t m = 0; m < y.shape[row]; ++m) {
      for (int64_t n = 0; n < y.shape[column]; ++n) {
        const int64_t za = ZeroPointAt(a_zero, m), zb = ZeroPointAt(b_zero, n);
        int64_t sum = 0;
        for (int64_t k = 0; k < a.shape.back(); ++k)
          sum += (CodeAt(a, i.offset(0) + m * a.strides[a_row] + k * a.strides[a_row + 1]) - za) *
                 (CodeAt(b, i.offset(1) + k * b.strides[b_row] + n * b.strides[b_row + 1]) - zb);
        out[0].as<int32_t>()[i.offset(2) + m * y.strides[row] + n * y.strides[column]] = static_cast<int32_t>(sum);
      }
    }
  }
  return {};
}

Status Reference(const ConvInteger& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const Conv conv{.window = op.window, .group = op.group};
  DECAL_TRY_ASSIGN(const ConvGeometry g, Resolve(conv, in[0].shape, in[1].shape));
  const TensorView x = AsRank4(in[0]), w = AsRank4(in[1]), y = AsRank4(out[0]), w_zero = Optional(in, 3);
  const int64_t depth = g.in_channels / g.group, columns = g.out_channels / g.group;
  const int64_t zx = ZeroPointAt(Optional(in, 2), 0);
  for (StridedIndex<1> i(y.shape, {y.strides}); i.valid(); i.Next()) {
    const int64_t n = i.index()[0], m = i.index()[1];
    const int64_t zw = ZeroPointAt(w_zero, m);
    int64_t sum = 0;
    for (int64_t ky = 0; ky < g.kernel[0]; ++ky) {
      const int64_t iy = i.index()[2] * g.stride[0] - g.pad_begin[0] + ky * g.dilation[0];
      if (iy < 0 || iy >= g.in[0]) continue;  // padding stands for the zero point
      for (int64_t kx = 0; kx < g.kernel[1]; ++kx) {
        const int64_t ix = i.index()[3] * g.stride[1] - g.pad_begin[1] + kx * g.dilation[1];
        if (ix < 0 || ix >= g.in[1]) continue;
        for (int64_t k = 0; k < depth; ++k)
          sum += (CodeAt(x, n * x.strides[0] + (m / columns * depth + k) * x.strides[1] + iy * x.strides[2] +
                                ix * x.strides[3]) -
                  zx) *
                 (CodeAt(w, m * w.strides[0] + k * w.strides[1] + ky * w.strides[2] + kx * w.strides[3]) - zw);
      }
    }
    out[0].as<int32_t>()[i.offset(0)] = static_cast<int32_t>(sum);
  }
  return {};
}

}  // namespace decal
