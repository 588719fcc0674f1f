// TopK, ArgMax and ArgMin, NonZero: operators whose results are positions.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string>

#include "engine/base/buffer.h"
#include "engine/ops/any_element.h"
#include "engine/ops/indexing/indexing.h"

namespace decal {
namespace {

// One element of every line along `axis`.
Shape LineStarts(Shape shape, size_t axis) {
  shape[axis] = 1;
  return shape;
}

struct Candidate {
  uint64_t key;
  int64_t index;
  bool operator<(const Candidate& other) const { return key != other.key ? key < other.key : index < other.index; }
};

uint64_t ZeroKey(DType dtype) {
  const uint64_t zero = 0;
  return OrderKey(TensorView{&zero, dtype, {}, {}}, 0);
}

int64_t CountNonZero(const TensorView& x) {
  const uint64_t zero = ZeroKey(x.dtype);
  int64_t count = 0;
  for (StridedIndex<1> i(x.shape, {x.strides}); i.valid(); i.Next()) count += OrderKey(x, i.offset(0)) != zero;
  return count;
}

}  // namespace

InferResult Infer(const TopK& op, const InferContext& c) {
  if (!c.has(0) || c[0].shape.empty()) return Mismatch("TopK of a scalar");
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(op.axis, c[0].shape.rank()));
  DECAL_TRY_ASSIGN(const Dims k, c.Integers(1, "k"));
  if (k.rank() != 1 || k[0] < 0 || k[0] > c[0].shape[axis])
    return Mismatch("TopK of " + k.ToString() + " elements along axis " + std::to_string(axis) + " of " +
                    c[0].shape.ToString());
  Shape shape = c[0].shape;
  shape[axis] = k[0];
  return std::vector<TensorType>{{c[0].dtype, shape}, {DType::kInt64, shape}};
}

Status Reference(const TopK& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView& x = in[0];
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(op.axis, x.shape.rank()));
  const int64_t extent = x.shape[axis], k = out[0].shape[axis];
  DECAL_TRY_ASSIGN(Buffer buffer, Buffer::Allocate(static_cast<size_t>(extent) * sizeof(Candidate), "TopK"));
  Candidate* const line = reinterpret_cast<Candidate*>(buffer.data());
  const Strides index_strides = out.size() > 1 ? out[1].strides : out[0].strides;
  for (StridedIndex<3> i(LineStarts(x.shape, axis), {x.strides, out[0].strides, index_strides}); i.valid(); i.Next()) {
    for (int64_t n = 0; n < extent; ++n) {
      const uint64_t key = OrderKey(x, i.offset(0) + n * x.strides[axis]);
      line[n] = {op.largest ? ~key : key, n};
    }
    // `sorted` false leaves the order open, so that sorting is right for it too.
    std::partial_sort(line, line + k, line + extent);
    for (int64_t n = 0; n < k; ++n) {
      CopyElement(x, i.offset(0) + line[n].index * x.strides[axis], out[0], i.offset(1) + n * out[0].strides[axis]);
      if (out.size() > 1) out[1].as<int64_t>()[i.offset(2) + n * index_strides[axis]] = line[n].index;
    }
  }
  return {};
}

InferResult Infer(const ArgReduce& op, const InferContext& c) {
  if (!c.has(0) || c[0].shape.empty()) return Mismatch("ArgMax or ArgMin of a scalar");
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(op.axis, c[0].shape.rank()));
  Shape shape = c[0].shape;
  if (shape[axis] == 0) return Mismatch("ArgMax or ArgMin of an empty " + shape.ToString());
  if (op.keepdims) shape[axis] = 1;
  else shape.erase(axis);
  return std::vector<TensorType>{{DType::kInt64, shape}};
}

Status Reference(const ArgReduce& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView& x = in[0];
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(op.axis, x.shape.rank()));
  Strides to = out[0].strides;
  if (!op.keepdims) to.insert(axis, 0);
  for (StridedIndex<2> i(LineStarts(x.shape, axis), {x.strides, to}); i.valid(); i.Next()) {
    uint64_t best = 0;
    int64_t position = -1;
    for (int64_t n = 0; n < x.shape[axis]; ++n) {
      uint64_t key = OrderKey(x, i.offset(0) + n * x.strides[axis]);
      if (!op.max) key = ~key;
      if (position >= 0 && (op.last ? key < best : key <= best)) continue;
      best = key;
      position = n;
    }
    out[0].as<int64_t>()[i.offset(1)] = position;
  }
  return {};
}

InferResult Infer(const NonZero&, const InferContext& c) {
  if (!c.has(0)) return Mismatch("input is missing");
  if (c[0].constant == nullptr)
    return Fail(ErrorCode::kUnsupportedOperator, "a data-dependent shape: the number of elements that are not zero");
  return std::vector<TensorType>{
      {DType::kInt64, Shape{static_cast<int64_t>(c[0].shape.rank()), CountNonZero(c[0].constant->view())}}};
}

Status Reference(const NonZero&, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView& x = in[0];
  const uint64_t zero = ZeroKey(x.dtype);
  int64_t count = 0;
  for (StridedIndex<1> i(x.shape, {x.strides}); i.valid(); i.Next()) {
    if (OrderKey(x, i.offset(0)) == zero) continue;
    for (size_t d = 0; d < x.shape.rank(); ++d)
      out[0].as<int64_t>()[static_cast<int64_t>(d) * out[0].strides[0] + count * out[0].strides[1]] = i.index()[d];
    ++count;
  }
  return {};
}

}  // namespace decal
