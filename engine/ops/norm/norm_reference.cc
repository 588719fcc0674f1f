// The specification of the normalisations, summed in double.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/ops/norm/norm.h"

namespace decal {
namespace {

// The dimensions [first, rank) of a view, as a shape and strides of their own.
TensorView Inner(const TensorView& view, size_t first) {
  TensorView inner{view.data, view.dtype, {}, {}};
  for (size_t d = first; d < view.shape.rank(); ++d) {
    inner.shape.push_back(view.shape[d]);
    inner.strides.push_back(view.strides[d]);
  }
  return inner;
}

// The shape with size 1 in the dimensions [first, last).
Shape Without(Shape shape, size_t first, size_t last) {
  for (size_t d = first; d < last; ++d) shape[d] = 1;
  return shape;
}

struct Moments {
  double mean = 0;
  double variance = 0;
};

Moments MomentsOf(const TensorView& view, int64_t origin) {
  const double count = static_cast<double>(view.shape.elements());
  Moments m;
  for (StridedIndex<1> i(view.shape, {view.strides}); i.valid(); i.Next())
    m.mean += LoadFloat(view, origin + i.offset(0));
  m.mean /= count;
  for (StridedIndex<1> i(view.shape, {view.strides}); i.valid(); i.Next()) {
    const double deviation = LoadFloat(view, origin + i.offset(0)) - m.mean;
    m.variance += deviation * deviation;
  }
  m.variance /= count;
  return m;
}

double ParameterAt(const TensorView& parameter, int64_t channel) {
  return LoadFloat(parameter, channel * parameter.strides[0]);
}

}  // namespace

namespace {

// y, running mean and running variance from the batch's own moments.
void TrainBatchNorm(const BatchNorm& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView& x = in[0];
  Shape one = x.shape;
  one[1] = 1;
  for (int64_t c = 0; c < x.shape[1]; ++c) {
    const Moments m = MomentsOf({x.data, x.dtype, one, x.strides}, c * x.strides[1]);
    const double scale = ParameterAt(in[1], c) / std::sqrt(m.variance + op.epsilon);
    for (StridedIndex<2> i(one, {out[0].strides, x.strides}); i.valid(); i.Next())
      StoreFloat(out[0], c * out[0].strides[1] + i.offset(0),
                 (LoadFloat(x, c * x.strides[1] + i.offset(1)) - m.mean) * scale + ParameterAt(in[2], c));
    const double kept = op.momentum, fresh = 1 - kept;
    if (out.size() > 1) StoreFloat(out[1], c * out[1].strides[0], ParameterAt(in[3], c) * kept + m.mean * fresh);
    if (out.size() > 2) StoreFloat(out[2], c * out[2].strides[0], ParameterAt(in[4], c) * kept + m.variance * fresh);
  }
}

}  // namespace

Status Reference(const BatchNorm& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  if (op.training) {
    TrainBatchNorm(op, in, out);
    return {};
  }
  for (StridedIndex<2> i(out[0].shape, {out[0].strides, in[0].strides}); i.valid(); i.Next()) {
    const int64_t c = i.index()[1];
    const double scale = ParameterAt(in[1], c) / std::sqrt(ParameterAt(in[4], c) + op.epsilon);
    const double x = LoadFloat(in[0], i.offset(1));
    StoreFloat(out[0], i.offset(0), (x - ParameterAt(in[3], c)) * scale + ParameterAt(in[2], c));
  }
  return {};
}

Status Reference(const InstanceNorm& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView map = Inner(in[0], 2);
  const Strides out_strides = Inner(out[0], 2).strides;
  for (StridedIndex<2> i(Without(in[0].shape, 2, in[0].shape.rank()), {out[0].strides, in[0].strides}); i.valid();
       i.Next()) {
    const int64_t c = i.index()[1];
    const Moments m = op.normalizes(c) ? MomentsOf(map, i.offset(1)) : Moments{0, 1 - double{op.epsilon}};
    const double scale = ParameterAt(in[1], c) / std::sqrt(m.variance + op.epsilon);
    for (StridedIndex<2> p(map.shape, {out_strides, map.strides}); p.valid(); p.Next()) {
      const double y = (LoadFloat(in[0], i.offset(1) + p.offset(1)) - m.mean) * scale + ParameterAt(in[2], c);
      StoreFloat(out[0], i.offset(0) + p.offset(0), y < op.low ? op.low : y > op.high ? op.high : y);
    }
  }
  return {};
}

Status Reference(const LayerNorm& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const size_t rank = in[0].shape.rank();
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(op.axis, rank));
  const bool has_bias = in.size() > 2 && in[2].present();
  const TensorView scale = BroadcastTo(in[1], in[0].shape);
  const TensorView bias = has_bias ? BroadcastTo(in[2], in[0].shape) : scale;  // any view of that shape
  const TensorView run = Inner(in[0], axis);
  const std::array<Strides, 4> outer{out[0].strides, in[0].strides, scale.strides, bias.strides};
  const std::array<Strides, 4> inner{Inner(out[0], axis).strides, run.strides, Inner(scale, axis).strides,
                                     Inner(bias, axis).strides};
  for (StridedIndex<4> i(Without(in[0].shape, axis, rank), outer); i.valid(); i.Next()) {
    const Moments m = MomentsOf(run, i.offset(1));
    const double factor = 1.0 / std::sqrt(m.variance + op.epsilon);
    for (size_t o = 1; o < out.size(); ++o) {
      int64_t offset = 0;
      for (size_t d = 0; d < axis; ++d) offset += i.index()[d] * out[o].strides[d];
      StoreFloat(out[o], offset, o == 1 ? m.mean : factor);
    }
    for (StridedIndex<4> p(run.shape, inner); p.valid(); p.Next()) {
      const double normal = (LoadFloat(in[0], i.offset(1) + p.offset(1)) - m.mean) * factor;
      const double shift = has_bias ? LoadFloat(bias, i.offset(3) + p.offset(3)) : 0.0;
      StoreFloat(out[0], i.offset(0) + p.offset(0), normal * LoadFloat(scale, i.offset(2) + p.offset(2)) + shift);
    }
  }
  return {};
}

Status Reference(const Softmax& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const size_t rank = in[0].shape.rank();
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(op.axis, rank));
  const size_t last = op.flatten ? rank : std::min(axis + 1, rank);
  Shape run;
  Strides x_strides, y_strides;
  for (size_t d = axis; d < last; ++d) {
    run.push_back(in[0].shape[d]);
    x_strides.push_back(in[0].strides[d]);
    y_strides.push_back(out[0].strides[d]);
  }
  for (StridedIndex<2> i(Without(in[0].shape, axis, last), {out[0].strides, in[0].strides}); i.valid(); i.Next()) {
    double largest = -std::numeric_limits<double>::infinity();
    for (StridedIndex<1> p(run, {x_strides}); p.valid(); p.Next())
      largest = std::max<double>(largest, LoadFloat(in[0], i.offset(1) + p.offset(0)));
    double sum = 0;
    for (StridedIndex<1> p(run, {x_strides}); p.valid(); p.Next())
      sum += std::exp(LoadFloat(in[0], i.offset(1) + p.offset(0)) - largest);
    for (StridedIndex<2> p(run, {y_strides, x_strides}); p.valid(); p.Next()) {
      const double shifted = LoadFloat(in[0], i.offset(1) + p.offset(1)) - largest;
      StoreFloat(out[0], i.offset(0) + p.offset(0), op.log ? shifted - std::log(sum) : std::exp(shifted) / sum);
    }
  }
  return {};
}

}  // namespace decal
