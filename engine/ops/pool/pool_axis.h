// One axis of a pooling window over its input.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace decal {

// One spatial axis of a window. Cells of average windows count while they lie in [count_begin, count_end):
// the input itself, or the input with its padding.
struct PoolAxis {
  int64_t extent = 1;  // of the input
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t pad_begin = 0;
  int64_t count_begin = 0;
  int64_t count_end = 1;
};

}  // namespace decal
