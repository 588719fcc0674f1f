// GatherND and ScatterND: tuples of indices that each select a slice.
// SPDX-License-Identifier: MIT
#include <string>

#include "engine/ops/any_element.h"
#include "engine/ops/indexing/indexing.h"

namespace decal {
namespace {

// The dimensions [first, rank) of a shape or of strides.
Dims From(const Dims& dims, size_t first) {
  Dims rest;
  for (size_t d = first; d < dims.rank(); ++d) rest.push_back(dims[d]);
  return rest;
}

Dims Before(const Dims& dims, size_t last) {
  Dims lead;
  for (size_t d = 0; d < last; ++d) lead.push_back(dims[d]);
  return lead;
}

// Reads index tuples, which lie along the last dimension of `indices`.
class Tuples {
 public:
  explicit Tuples(const TensorView& indices) : indices_(indices), stride_(indices.strides.back()) {}
  size_t size() const { return static_cast<size_t>(indices_.shape.back()); }

  // Offset in `data` of the slice that the tuple at `at` selects through the dimensions from `first` on.
  Result<int64_t> Offset(int64_t at, const TensorView& data, size_t first) const {
    int64_t offset = 0;
    for (size_t k = 0; k < size(); ++k) {
      const int64_t extent = data.shape[first + k];
      int64_t index = indices_.as<int64_t>()[at + static_cast<int64_t>(k) * stride_];
      if (index < 0) index += extent;
      if (index < 0 || index >= extent)
        return Fail(ErrorCode::kShapeMismatch,
                    "index " + std::to_string(index) + " for an axis of size " + std::to_string(extent));
      offset += index * data.strides[first + k];
    }
    return offset;
  }

 private:
  const TensorView& indices_;
  int64_t stride_;
};

}  // namespace

InferResult Infer(const GatherNd& op, const InferContext& c) {
  if (!c.has(0) || !c.has(1)) return Mismatch("an input is missing");
  const Shape &data = c[0].shape, &indices = c[1].shape;
  if (c[1].dtype != DType::kInt64) return Mismatch(std::string("indices of type ") + Name(c[1].dtype));
  if (indices.empty() || data.empty()) return Mismatch("GatherND of " + data.ToString() + " by " + indices.ToString());
  const int64_t batch = op.batch_dims, tuple = indices.back();
  if (batch < 0 || batch >= static_cast<int64_t>(indices.rank()) || tuple < 1 ||
      batch + tuple > static_cast<int64_t>(data.rank()))
    return Mismatch("tuples of " + std::to_string(tuple) + " indices into " + data.ToString());
  for (size_t d = 0; d < static_cast<size_t>(batch); ++d)
    if (data[d] != indices[d]) return Mismatch("batches of " + data.ToString() + " and " + indices.ToString());
  Shape out = Before(indices, indices.rank() - 1);
  const Shape slice = From(data, static_cast<size_t>(batch + tuple));
  if (out.rank() + slice.rank() > kMaxRank)
    return Fail(ErrorCode::kLimitExceeded, "a result of rank " + std::to_string(out.rank() + slice.rank()));
  for (int64_t extent : slice) out.push_back(extent);
  return std::vector<TensorType>{{c[0].dtype, out}};
}

Status Reference(const GatherNd& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView &data = in[0], &indices = in[1];
  const size_t batch = static_cast<size_t>(op.batch_dims), tuples = indices.shape.rank() - 1;
  const size_t first_sliced = batch + static_cast<size_t>(indices.shape.back());
  const Tuples reader(indices);
  Strides batch_strides = Dims::Filled(tuples, 0);
  for (size_t d = 0; d < batch; ++d) batch_strides[d] = data.strides[d];
  const Shape slice = From(data.shape, first_sliced);
  for (StridedIndex<3> i(Before(indices.shape, tuples),
                         {Before(indices.strides, tuples), batch_strides, Before(out[0].strides, tuples)});
       i.valid(); i.Next()) {
    DECAL_TRY_ASSIGN(const int64_t offset, reader.Offset(i.offset(0), data, batch));
    for (StridedIndex<2> e(slice, {From(data.strides, first_sliced), From(out[0].strides, tuples)}); e.valid();
         e.Next())
      CopyElement(data, i.offset(1) + offset + e.offset(0), out[0], i.offset(2) + e.offset(1));
  }
  return {};
}

InferResult Infer(const ScatterNd&, const InferContext& c) {
  for (size_t i = 0; i < 3; ++i)
    if (!c.has(i)) return Mismatch("an input is missing");
  const Shape &data = c[0].shape, &indices = c[1].shape;
  if (c[1].dtype != DType::kInt64) return Mismatch(std::string("indices of type ") + Name(c[1].dtype));
  if (c[2].dtype != c[0].dtype) return Mismatch("updates and data differ in type");
  if (indices.empty() || indices.back() < 1 || indices.back() > static_cast<int64_t>(data.rank()))
    return Mismatch("indices " + indices.ToString() + " into " + data.ToString());
  Shape updates = Before(indices, indices.rank() - 1);
  const Shape slice = From(data, static_cast<size_t>(indices.back()));
  if (updates.rank() + slice.rank() > kMaxRank || !(c[2].shape.rank() == updates.rank() + slice.rank()))
    return Mismatch("updates " + c[2].shape.ToString() + " for indices " + indices.ToString());
  for (int64_t extent : slice) updates.push_back(extent);
  if (!(c[2].shape == updates))
    return Mismatch("updates " + c[2].shape.ToString() + " where " + updates.ToString() + " is needed");
  return std::vector<TensorType>{{c[0].dtype, data}};
}

Status Reference(const ScatterNd& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView &data = in[0], &indices = in[1], &updates = in[2];
  for (StridedIndex<2> i(data.shape, {data.strides, out[0].strides}); i.valid(); i.Next())
    CopyElement(data, i.offset(0), out[0], i.offset(1));
  const size_t tuples = indices.shape.rank() - 1, first_sliced = static_cast<size_t>(indices.shape.back());
  const Tuples reader(indices);
  const TensorView target = out[0];
  for (StridedIndex<2> i(Before(indices.shape, tuples),
                         {Before(indices.strides, tuples), Before(updates.strides, tuples)});
       i.valid(); i.Next()) {
    DECAL_TRY_ASSIGN(const int64_t offset, reader.Offset(i.offset(0), target, 0));
    const StridedIndex<2> slice(From(data.shape, first_sliced),
                                {From(updates.strides, tuples), From(out[0].strides, first_sliced)});
    for (StridedIndex<2> e = slice; e.valid(); e.Next())
      CombineElement(op.reduction, updates, i.offset(1) + e.offset(0), out[0], offset + e.offset(1));
  }
  return {};
}

}  // namespace decal
