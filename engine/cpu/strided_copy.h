// Copies between strided tensors of 4-byte elements: transposes, slices, paddings, layout changes.
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
  StridedCopy(const Shape& shape, const Strides& from, const Strides& to);

  void Run(const uint32_t* from, uint32_t* to, ThreadRunner& runner) const;
  int64_t elements() const { return shape_.elements(); }

 private:
  // Outermost first; the last dimension is the one that is contiguous in the target, where there is one.
  Shape shape_;
  Strides from_, to_;
  bool transposes_ = false;  // the last two dimensions are contiguous in source and target respectively
};

}  // namespace decal
