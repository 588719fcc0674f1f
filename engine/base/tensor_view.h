// A typed, strided window into memory that someone else owns: what kernels read and write.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>

#include "engine/base/dtype.h"
#include "engine/base/shape.h"

namespace decal {

// Extents are in ONNX order whatever the memory order; strides are in elements. In an absent optional
// input `data` is null.
struct TensorView {
  const void* data = nullptr;
  DType dtype = DType::kFloat32;
  Shape shape;
  Strides strides;

  template <class T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
  bool present() const { return data != nullptr; }
};

// Input i, or an absent one.
inline TensorView Optional(std::span<const TensorView> in, size_t i) { return i < in.size() ? in[i] : TensorView{}; }

struct MutableTensorView {
  void* data = nullptr;
  DType dtype = DType::kFloat32;
  Shape shape;
  Strides strides;

  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
  operator TensorView() const { return {data, dtype, shape, strides}; }  // NOLINT: as T* to const T*
};

// Steps through all index tuples of `shape` in row-major order and keeps an element offset per operand.
//   for (StridedIndex<2> i(shape, {a.strides, b.strides}); i.valid(); i.Next()) out[i.offset(0)] = in[i.offset(1)];
template <size_t kOperands>
class StridedIndex {
 public:
  StridedIndex(const Shape& shape, const std::array<Strides, kOperands>& strides)
      : shape_(shape), strides_(strides), index_(Dims::Filled(shape.rank(), 0)), left_(shape.elements()) {}

  bool valid() const { return left_ > 0; }
  int64_t offset(size_t operand) const { return offsets_[operand]; }
  const Dims& index() const { return index_; }
  void Next() {
    if (--left_ == 0) return;
    for (size_t d = shape_.rank(); d-- > 0;) {
      for (size_t o = 0; o < kOperands; ++o) offsets_[o] += strides_[o][d];
      if (++index_[d] < shape_[d]) return;
      for (size_t o = 0; o < kOperands; ++o) offsets_[o] -= strides_[o][d] * shape_[d];
      index_[d] = 0;
    }
  }

 private:
  Shape shape_;
  std::array<Strides, kOperands> strides_;
  std::array<int64_t, kOperands> offsets_{};
  Dims index_;
  int64_t left_;
};

}  // namespace decal
