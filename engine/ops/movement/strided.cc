// Strided: the regular index map that chains of data movement compose to.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>
#include <string>

#include "engine/ops/movement/movement.h"
#include "engine/ops/movement/strided_map.h"

namespace decal {
namespace {

// Calls fn(output dimension, first digit, one past its last digit); dimensions of size 1 have no digits.
template <class Fn>
void ForEachDimension(const Strided& op, const Fn& fn) {
  size_t first = 0;
  for (size_t d = 0; d < op.shape.rank(); ++d) {
    size_t last = first;
    for (int64_t extent = 1; extent < op.shape[d] && last < op.digits.size(); ++last) extent *= op.digits[last].extent;
    fn(d, first, last);
    first = last;
  }
}

// In each output dimension, the digits multiply up to its size.
bool DigitsFitShape(const Strided& op) {
  if (op.digits.size() > kMaxRank) return false;
  for (const Strided::Digit& digit : op.digits)
    if (digit.extent < 2 || digit.extent > kMaxTensorElements) return false;
  bool fits = true;
  size_t used = 0;
  ForEachDimension(op, [&](size_t d, size_t first, size_t last) {
    int64_t product = 1;
    for (size_t i = first; i < last && product <= op.shape[d]; ++i) product *= op.digits[i].extent;
    fits = fits && product == op.shape[d];
    used = last;
  });
  return fits && used == op.digits.size();
}

// Every index the map produces lies inside the input.
bool StaysInside(const Strided& op, const Shape& x) {
  if (op.start.rank() != x.rank()) return false;
  Dims low = op.start, high = op.start;
  for (const Strided::Digit& digit : op.digits) {
    if (digit.axis >= x.rank() || std::abs(digit.step) > kMaxTensorElements) return false;
    (digit.step < 0 ? low : high)[digit.axis] += digit.step * (digit.extent - 1);
  }
  for (size_t d = 0; d < x.rank(); ++d)
    if (low[d] < 0 || high[d] >= x[d]) return false;
  return true;
}

}  // namespace

StridedBox InputBox(const Strided& op, const Strides& x_strides) {
  StridedBox box;
  for (size_t d = 0; d < op.start.rank(); ++d) box.offset += op.start[d] * x_strides[d];
  for (const Strided::Digit& digit : op.digits) {
    box.extents.push_back(digit.extent);
    box.strides.push_back(digit.step * x_strides[digit.axis]);
  }
  return box;
}

Strides OutputBox(const Strided& op, const Strides& out_strides) {
  Strides strides = Dims::Filled(op.digits.size(), 0);
  ForEachDimension(op, [&](size_t d, size_t first, size_t last) {
    int64_t stride = out_strides[d];
    for (size_t i = last; i-- > first;) {
      strides[i] = stride;
      stride *= op.digits[i].extent;
    }
  });
  return strides;
}

std::optional<Strides> AliasStrides(const Strided& op, const Strides& x_strides) {
  const StridedBox box = InputBox(op, x_strides);
  Strides strides = Dims::Filled(op.shape.rank(), 1);
  bool even = true;
  ForEachDimension(op, [&](size_t d, size_t first, size_t last) {
    if (first == last) return;
    strides[d] = box.strides[last - 1];
    for (size_t i = last - 1; i > first; --i) even = even && box.strides[i - 1] == box.strides[i] * box.extents[i];
  });
  if (!even) return std::nullopt;
  return strides;
}

InferResult Infer(const Strided& op, const InferContext& context) {
  if (!context.has(0)) return Fail(ErrorCode::kShapeMismatch, "input is missing");
  if (!DigitsFitShape(op) || !StaysInside(op, context[0].shape))
    return Fail(ErrorCode::kInternal, "an index map that leaves " + context[0].shape.ToString());
  return std::vector<TensorType>{{context[0].dtype, op.shape}};
}

Status Reference(const Strided& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const StridedBox box = InputBox(op, in[0].strides);
  const size_t size = SizeOf(in[0].dtype);
  const char* from = in[0].as<char>() + box.offset * static_cast<int64_t>(size);
  for (StridedIndex<2> i(box.extents, {box.strides, OutputBox(op, out[0].strides)}); i.valid(); i.Next())
    std::memcpy(out[0].as<char>() + i.offset(1) * static_cast<int64_t>(size),
                from + i.offset(0) * static_cast<int64_t>(size), size);
  return {};
}

}  // namespace decal
