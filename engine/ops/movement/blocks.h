// Maps of DepthToSpace and SpaceToDepth seen as [N, block, block, C, H, W].
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/base/shape.h"

namespace decal {

struct Blocks {
  Shape shape;
  Strides deep, wide;  // of the side with many channels, of the side with many pixels
};

// A dimension of a strided tensor can always be split, so both sides have this form in every layout.
inline Blocks BlocksOf(int64_t block, bool crd, const Shape& wide_shape, const Strides& deep, const Strides& wide) {
  const int64_t channels = wide_shape[1];
  Blocks blocks;
  blocks.shape = {wide_shape[0], block, block, channels, wide_shape[2] / block, wide_shape[3] / block};
  // Channel of the deep side: (by * block + bx) * C + c, or with CRD (c * block + by) * block + bx.
  const int64_t by = crd ? block : block * channels, bx = crd ? 1 : channels, c = crd ? block * block : 1;
  blocks.deep = {deep[0], by * deep[1], bx * deep[1], c * deep[1], deep[2], deep[3]};
  blocks.wide = {wide[0], wide[2], wide[3], wide[1], wide[2] * block, wide[3] * block};
  return blocks;
}

}  // namespace decal
