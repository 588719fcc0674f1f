// Tensors that are described or known, not computed: their type, and the constants of a model.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "engine/base/buffer.h"
#include "engine/base/tensor_view.h"

namespace decal {

// What is known of a tensor before it exists. Dynamic dimensions are kDynamic; a missing shape means that
// not even the rank is known.
struct TensorType {
  DType dtype = DType::kFloat32;
  std::optional<Shape> shape;

  bool is_static() const { return shape && shape->is_static(); }
  size_t size_bytes() const { return static_cast<size_t>(shape->elements()) * SizeOf(dtype); }
  std::string ToString() const;  // "f32[1,3,?,?]"
};

// An immutable dense row-major tensor. A float32 value may be stored as float16 (weights of half-precision files, from
// kHalfBytes on): packing widens them, and what reads them directly gets a widened copy. Shared: a specialised graph
// refers to the weights of the loaded one.
struct ConstantTensor {
  DType dtype = DType::kFloat32;
  Shape shape;
  Buffer buffer;

  TensorView view() const { return {buffer.data(), dtype, shape, DenseStrides(shape, Layout::kRowMajor)}; }
  static Result<std::shared_ptr<ConstantTensor>> Allocate(DType dtype, const Shape& shape);
};
using ConstantPtr = std::shared_ptr<const ConstantTensor>;

// Float16 constants of this size and more stay float16; below, the passes want to look into them.
inline constexpr size_t kHalfBytes = 32 << 10;

// The same numbers as float32.
Result<ConstantPtr> WidenConstant(const ConstantTensor& half);

// A number that identifies a packed format: hashes `values` (FNV-1a), of which the first tells formats apart.
uint64_t PackingId(std::span<const int64_t> values);

}  // namespace decal
