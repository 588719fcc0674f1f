// Which scale (and zero point) belongs to an element: one for all, one per index of an axis, one per block of it.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/ops/shape_rule.h"

namespace decal {

struct ScaleMap {
  Strides strides;     // in the dense scale tensor, by dimension of x; 0 where all indices share a scale
  size_t axis = 0;
  int64_t block = 1;   // neighbours along the axis that share a scale

  int64_t at(const Dims& index) const {
    int64_t offset = 0;
    for (size_t d = 0; d < strides.rank(); ++d) offset += (d == axis ? index[d] / block : index[d]) * strides[d];
    return offset;
  }
};

// An error where `scale` fits none of the three. A block size of 0 means that there are no blocks.
Result<ScaleMap> MapScales(const Shape& x, const Shape& scale, int64_t axis, int64_t block_size);

}  // namespace decal
