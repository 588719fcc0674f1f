// What a shape rule is given and what it returns; axes and broadcasting.
// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/base/element.h"
#include "engine/base/result.h"
#include "engine/base/tensor.h"

namespace decal {

// One input as the shape rules see it. Shapes are static: rules run on specialised graphs only.
struct InferInput {
  bool present = false;
  DType dtype = DType::kFloat32;
  Shape shape;
  const ConstantTensor* constant = nullptr;  // set: the contents are known
};

struct InferContext {
  std::span<const InferInput> inputs;
  size_t outputs = 1;

  bool has(size_t i) const { return i < inputs.size() && inputs[i].present; }
  const InferInput& operator[](size_t i) const { return inputs[i]; }
  // The integers of a known 0-d or 1-d int32/int64 input; an error names it as data-dependent otherwise.
  Result<Dims> Integers(size_t i, const char* what) const;
};

using InferResult = Result<std::vector<TensorType>>;

// What most shape rules return: one output, shapes that do not go together, or a type that the operator has no meaning for.
inline InferResult One(DType dtype, const Shape& shape) { return std::vector<TensorType>{{dtype, shape}}; }
inline std::unexpected<Error> Mismatch(std::string what) { return Fail(ErrorCode::kShapeMismatch, std::move(what)); }
inline std::unexpected<Error> BadType(const char* op, DType dtype) {
  return Fail(ErrorCode::kUnsupportedOperator, std::string(op) + " of " + Name(dtype));
}

// "axis" as ONNX writes it, -rank..rank-1, to 0..rank-1.
Result<size_t> NormalizeAxis(int64_t axis, size_t rank);

// NumPy broadcasting of two shapes.
Result<Shape> BroadcastShapes(const Shape& a, const Shape& b);

// `view` stretched to `shape` by strides of 0 (shape must be a valid broadcast of it).
TensorView BroadcastTo(const TensorView& view, const Shape& shape);

// ---- checks and types ------------------------------------------------------------------------

// The first `count` inputs are there and the operator is asked for at most `outputs` outputs.
inline Status RequireInputs(const InferContext& context, size_t count, const char* op, size_t outputs = 1) {
  for (size_t i = 0; i < count; ++i)
    if (!context.has(i))
      return Fail(ErrorCode::kShapeMismatch, std::string(op) + ": input " + std::to_string(i) + " is missing");
  if (context.outputs < 1 || context.outputs > outputs)
    return Fail(ErrorCode::kUnsupportedOperator,
                std::string(op) + " with " + std::to_string(context.outputs) + " outputs");
  return {};
}

// The floats that are computed with; kernels are for float32, the references for all.
inline bool IsFloat(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat16 || dtype == DType::kFloat64 || dtype == DType::kBFloat16;
}

inline Status RequireFloat(DType dtype, const char* op) {
  if (IsFloat(dtype)) return {};
  return Fail(ErrorCode::kUnsupportedOperator, std::string(op) + " of " + Name(dtype));
}

// One element of a tensor that IsFloat.
inline double LoadFloat(const TensorView& view, int64_t offset) { return LoadNumber(view.dtype, view.data, offset); }

inline void StoreFloat(const MutableTensorView& view, int64_t offset, double value) {
  StoreNumber(view.dtype, view.data, offset, value);
}

}  // namespace decal
