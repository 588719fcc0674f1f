// NumPy's promotion of vectors to matrices, on views.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/base/tensor_view.h"

namespace decal {

// [K] as [1,K].
inline TensorView AsLeftMatrix(TensorView a) {
  if (a.shape.rank() == 1) a.shape.insert(0, 1), a.strides.insert(0, 0);
  return a;
}

// [K] as [K,1].
inline TensorView AsRightMatrix(TensorView b) {
  if (b.shape.rank() == 1) b.shape.push_back(1), b.strides.push_back(0);
  return b;
}

// The product of a and b with the dimensions of 1 that NumPy drops where a or b is a vector.
inline TensorView AsProductMatrix(TensorView out, const TensorView& a, const TensorView& b) {
  if (b.shape.rank() == 1) out.shape.push_back(1), out.strides.push_back(0);
  if (a.shape.rank() == 1) out.shape.insert(out.shape.rank() - 1, 1), out.strides.insert(out.strides.rank() - 1, 0);
  return out;
}

// All dimensions but the last two.
inline Dims BatchOf(const Dims& dims) {
  Dims batch;
  for (size_t i = 0; i + 2 < dims.rank(); ++i) batch.push_back(dims[i]);
  return batch;
}

}  // namespace decal
