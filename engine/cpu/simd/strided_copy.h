// Copies between strided tensors of elements of 1, 2, 4 or 8 bytes: transposes, slices, paddings, layout changes.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "decal/parallel.h"
#include "engine/base/shape.h"

namespace decal {

// A copy whose loops are already merged and ordered: made once, run often.
class StridedCopy {
 public:
  StridedCopy() = default;
  // Strides in elements; a source stride of 0 repeats.
  StridedCopy(const Shape& shape, const Strides& from, const Strides& to, size_t element_bytes);

  void Run(const void* from, void* to, ThreadRunner& runner) const;
  int64_t elements() const { return shape_.elements(); }

 private:
  // Outermost first; the last dimension is the one that is contiguous in the target, if there is one.
  Shape shape_;
  Strides from_, to_;
  size_t element_bytes_ = 4;
  bool transposes_ = false;  // the last two dimensions are contiguous in source and target respectively
};

}  // namespace decal
