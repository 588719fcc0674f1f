// A convolution's window once shapes are known: always three spatial dimensions, padding in numbers.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ops/conv/conv.h"

namespace decal {

// Index 0 is height, 1 is width and 2 the depth of a volume, which only the reference knows: it comes last here,
// though first in the file, so that kernels for pictures look at the first two. Missing dimensions have size 1.
struct ConvGeometry {
  static constexpr size_t kAxes = 3;

  size_t spatial = 2;  // 1 to 3, as the tensors are written
  int64_t batch = 1, group = 1;
  int64_t in_channels = 0, out_channels = 0;  // in all
  int64_t in[kAxes] = {1, 1, 1}, out[kAxes] = {1, 1, 1};
  int64_t kernel[kAxes] = {1, 1, 1}, stride[kAxes] = {1, 1, 1}, dilation[kAxes] = {1, 1, 1};
  int64_t pad_begin[kAxes] = {0, 0, 0};

  // The index above of spatial dimension `i` of the file.
  static constexpr size_t Axis(size_t spatial, size_t i) { return spatial == 3 ? (i + 2) % 3 : 2 - spatial + i; }

  // Every channel has a filter of its own.
  bool is_depthwise() const { return group > 1 && group == in_channels && group == out_channels; }

  Shape output_shape() const {
    Shape shape{batch, out_channels};
    for (size_t i = 0; i < spatial; ++i) shape.push_back(out[Axis(spatial, i)]);
    return shape;
  }
};

Result<ConvGeometry> Resolve(const Conv& op, const Shape& x, const Shape& weight);
Result<ConvGeometry> Resolve(const ConvTranspose& op, const Shape& x, const Shape& weight);

// The output of a convolution of floats, before its epilogue is looked at.
Result<TensorType> InferConvolvedType(const Conv& op, const Shape& x, const Shape& weight);

// [N,C,W] as [N,C,1,W] or, for `rank` 5, any as [N,C,D,H,W]. Works for weights too.
TensorView WithSpatialRank(TensorView view, size_t rank);
inline TensorView AsRank4(TensorView view) { return WithSpatialRank(view, 4); }

}  // namespace decal
