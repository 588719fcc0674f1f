// From a Pool's attributes and its input's sizes to padding and output sizes.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>

#include "engine/ops/pool/pool.h"
#include "engine/ops/pool/pool_axis.h"

namespace decal {

struct PoolGeometry {
  size_t spatial_rank = 0;                 // 1 to 3
  std::array<PoolAxis, 3> axes;       // of the spatial dimensions in order
  std::array<int64_t, 3> out_extents{1, 1, 1};
};

// kShapeMismatch where the window does not fit `input` ([N,C,W], [N,C,H,W] or [N,C,D,H,W]).
Result<PoolGeometry> ResolvePool(const Pool& op, const Shape& input);

}  // namespace decal
