// A convolution's window once shapes are known: always two spatial dimensions, padding in numbers.
#pragma once

#include "engine/ops/kernel.h"

namespace decal {

// Index 0 is height, 1 is width. A convolution over one dimension has height 1.
struct ConvGeometry {
  size_t spatial = 2;  // 1 or 2, as the tensors are written
  int64_t batch = 1, group = 1;
  int64_t in_channels = 0, out_channels = 0;  // in all
  int64_t in[2] = {1, 1}, out[2] = {1, 1};
  int64_t kernel[2] = {1, 1}, stride[2] = {1, 1}, dilation[2] = {1, 1};
  int64_t pad_begin[2] = {0, 0};

  Shape output_shape() const {
    return spatial == 1 ? Shape{batch, out_channels, out[1]} : Shape{batch, out_channels, out[0], out[1]};
  }
};

Result<ConvGeometry> Resolve(const Conv& op, const Shape& x, const Shape& weight);
Result<ConvGeometry> Resolve(const ConvTranspose& op, const Shape& x, const Shape& weight);

// The output of a convolution of floats, before its epilogue is looked at.
Result<TensorType> InferConvolvedType(const Conv& op, const Shape& x, const Shape& weight);

// [N,C,W] as [N,C,1,W]; rank 4 as it is. Works for weights too.
TensorView AsRank4(TensorView view);

}  // namespace decal
