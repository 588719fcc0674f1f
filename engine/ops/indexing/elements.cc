// GatherElements and ScatterElements: every element has an index of its own along one axis.
// SPDX-License-Identifier: MIT
#include <string>

#include "engine/ops/any_element.h"
#include "engine/ops/indexing/indexing.h"

namespace decal {
namespace {

// Indices of the data's rank that stay inside it along the other axes.
Status CheckIndices(const InferInput& data, const InferInput& indices, int64_t raw_axis) {
  if (!IsIndex(indices.dtype)) return Mismatch(std::string("indices of type ") + Name(indices.dtype));
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(raw_axis, data.shape.rank()));
  bool fits = data.shape.rank() > 0 && indices.shape.rank() == data.shape.rank();
  for (size_t d = 0; fits && d < data.shape.rank(); ++d) fits = d == axis || indices.shape[d] <= data.shape[d];
  if (!fits) return Mismatch("indices " + indices.shape.ToString() + " into " + data.shape.ToString());
  return {};
}

Result<int64_t> Inside(int64_t index, int64_t extent) {
  if (index < 0) index += extent;
  if (index < 0 || index >= extent)
    return Mismatch("index " + std::to_string(index) + " for an axis of size " + std::to_string(extent));
  return index;
}

Strides Without(Strides strides, size_t axis) {
  strides[axis] = 0;
  return strides;
}

}  // namespace

InferResult Infer(const GatherElements& op, const InferContext& c) {
  if (!c.has(0) || !c.has(1)) return Mismatch("an input is missing");
  DECAL_TRY(CheckIndices(c[0], c[1], op.axis));
  return std::vector<TensorType>{{c[0].dtype, c[1].shape}};
}

Status Reference(const GatherElements& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView &data = in[0], &indices = in[1];
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(op.axis, data.shape.rank()));
  for (StridedIndex<3> i(indices.shape, {Without(data.strides, axis), indices.strides, out[0].strides}); i.valid();
       i.Next()) {
    DECAL_TRY_ASSIGN(const int64_t index, Inside(IndexAt(indices, i.offset(1)), data.shape[axis]));
    CopyElement(data, i.offset(0) + index * data.strides[axis], out[0], i.offset(2));
  }
  return {};
}

InferResult Infer(const ScatterElements& op, const InferContext& c) {
  for (size_t i = 0; i < 3; ++i)
    if (!c.has(i)) return Mismatch("an input is missing");
  DECAL_TRY(CheckIndices(c[0], c[1], op.axis));
  if (c[2].dtype != c[0].dtype || !(c[2].shape == c[1].shape))
    return Mismatch("updates " + c[2].shape.ToString() + " for indices " + c[1].shape.ToString());
  return std::vector<TensorType>{{c[0].dtype, c[0].shape}};
}

Status Reference(const ScatterElements& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView &data = in[0], &indices = in[1], &updates = in[2];
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(op.axis, data.shape.rank()));
  for (StridedIndex<2> i(data.shape, {data.strides, out[0].strides}); i.valid(); i.Next())
    CopyElement(data, i.offset(0), out[0], i.offset(1));
  for (StridedIndex<3> i(indices.shape, {Without(out[0].strides, axis), indices.strides, updates.strides}); i.valid();
       i.Next()) {
    DECAL_TRY_ASSIGN(const int64_t index, Inside(IndexAt(indices, i.offset(1)), data.shape[axis]));
    CombineElement(op.reduction, updates, i.offset(2), out[0], i.offset(0) + index * out[0].strides[axis]);
  }
  return {};
}

}  // namespace decal
