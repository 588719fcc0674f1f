// What elementwise, pooling, resizing, normalisation and reduction share: input checks, float access, feature maps.
#pragma once

#include <algorithm>
#include <string>

#include "engine/cpu/feature_map.h"
#include "engine/base/element.h"
#include "engine/ops/kernel.h"

namespace decal {

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

// True for a float32 tensor [N,C,H,W] whose channels lie side by side.
inline bool IsChannelsLastMap(const TensorView& view) {
  return view.dtype == DType::kFloat32 && view.shape.rank() == 4 && view.shape.elements() > 0 &&
         (view.strides[1] == 1 || view.shape[1] == 1);
}

// Picture `n` of a tensor that IsChannelsLastMap.
inline cpu::FeatureMap MapOf(const TensorView& view, int64_t n) {
  return {view.as<float>() + n * view.strides[0], static_cast<size_t>(view.shape[2]),
          static_cast<size_t>(view.shape[3]), static_cast<size_t>(view.shape[1]),
          static_cast<ptrdiff_t>(view.strides[2]), static_cast<ptrdiff_t>(view.strides[3])};
}

inline cpu::MutableFeatureMap MapOf(const MutableTensorView& view, int64_t n) {
  return {view.as<float>() + n * view.strides[0], static_cast<size_t>(view.shape[2]),
          static_cast<size_t>(view.shape[3]), static_cast<size_t>(view.shape[1]),
          static_cast<ptrdiff_t>(view.strides[2]), static_cast<ptrdiff_t>(view.strides[3])};
}

// A fixed partition of `rows` rows of `row_elements` each into tasks of about kTaskElements.
struct RowTasks {
  RowTasks(size_t rows, size_t row_elements)
      : rows(rows), rows_per_task(std::max<size_t>(1, cpu::kTaskElements / std::max<size_t>(1, row_elements))) {}

  size_t count() const { return (rows + rows_per_task - 1) / rows_per_task; }
  size_t begin(size_t task) const { return task * rows_per_task; }
  size_t end(size_t task) const { return std::min(rows, (task + 1) * rows_per_task); }

  size_t rows;
  size_t rows_per_task;
};

}  // namespace decal
