// Cutting maps into windows and putting them together again: shape rules and references.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>
#include <string>

#include "engine/base/limits.h"
#include "engine/ops/attention/attention.h"
#include "engine/ops/attention/window_grid.h"

namespace decal {
namespace {

Status CheckWindow(int64_t h, int64_t w, int64_t shift_y, int64_t shift_x) {
  for (int64_t extent : {h, w})
    if (extent < 1 || extent > kMaxTensorElements)
      return Mismatch("a window of " + std::to_string(h) + " x " + std::to_string(w));
  if (shift_y < 0 || shift_x < 0 || shift_y > kMaxTensorElements || shift_x > kMaxTensorElements)
    return Mismatch("a window shift below 0");
  return {};
}

// Padding must not make a tensor larger than any may be, nor the number of its windows overflow.
Status CheckPadded(const WindowGrid& grid, const Shape& map) {
  int64_t left = kMaxTensorElements;
  for (int64_t extent : {grid.height, grid.width})
    if (extent < 1 || extent > kMaxTensorElements) return Mismatch("windows of a map of " + map.ToString());
  for (int64_t extent : {map[0], grid.rows() * grid.window_h, grid.columns() * grid.window_w, map[3]})
    left /= std::max<int64_t>(extent, 1);
  if (left == 0) return Fail(ErrorCode::kLimitExceeded, "windows of a map of " + map.ToString() + " are too large");
  return {};
}

// The reference: element by element, by the definition.
template <class Fn>
void ForEachToken(const WindowGrid& grid, int64_t maps, const Fn& fn) {
  const int64_t padded_h = grid.rows() * grid.window_h, padded_w = grid.columns() * grid.window_w;
  for (StridedIndex<0> i(Shape{maps, grid.rows(), grid.columns(), grid.window_h, grid.window_w}, {}); i.valid();
       i.Next()) {
    const Dims& at = i.index();
    const int64_t y = (at[1] * grid.window_h + at[3] + grid.shift_y) % padded_h;
    const int64_t x = (at[2] * grid.window_w + at[4] + grid.shift_x) % padded_w;
    const int64_t window = (at[0] * grid.rows() + at[1]) * grid.columns() + at[2];
    fn(at[0], y, x, y < grid.height && x < grid.width, window, at[3] * grid.window_w + at[4]);
  }
}

}  // namespace

InferResult Infer(const WindowPartition& op, const InferContext& c) {
  if (!c.has(0) || c[0].shape.rank() != 4) return Mismatch("windows need a tensor of rank 4");
  DECAL_TRY(CheckWindow(op.window_h, op.window_w, op.shift_y, op.shift_x));
  const WindowGrid grid = GridOf(op, c[0].shape);
  DECAL_TRY(CheckPadded(grid, c[0].shape));
  return std::vector<TensorType>{
      {c[0].dtype, Shape{c[0].shape[0] * grid.rows() * grid.columns(), op.window_h * op.window_w, c[0].shape[3]}}};
}

Status Reference(const WindowPartition& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView& x = in[0];
  const size_t size = SizeOf(x.dtype);
  ForEachToken(GridOf(op, x.shape), x.shape[0],
               [&](int64_t n, int64_t row, int64_t column, bool inside, int64_t window, int64_t token) {
                 for (int64_t c = 0; c < x.shape[3]; ++c) {
                   char* to = out[0].as<char>() +
                              (window * out[0].strides[0] + token * out[0].strides[1] + c * out[0].strides[2]) *
                                  static_cast<int64_t>(size);
                   const int64_t from =
                       n * x.strides[0] + row * x.strides[1] + column * x.strides[2] + c * x.strides[3];
                   if (inside) std::memcpy(to, x.as<char>() + from * static_cast<int64_t>(size), size);
                   else std::memset(to, 0, size);
                 }
               });
  return {};
}

InferResult Infer(const WindowMerge& op, const InferContext& c) {
  if (!c.has(0) || c[0].shape.rank() != 3) return Mismatch("merging windows needs a tensor of rank 3");
  DECAL_TRY(CheckWindow(op.window_h, op.window_w, op.shift_y, op.shift_x));
  if (op.height < 1 || op.width < 1 || op.height > kMaxTensorElements || op.width > kMaxTensorElements)
    return Mismatch("merging windows into an empty map");
  const WindowGrid grid = GridOf(op);
  const Shape& windows = c[0].shape;
  if (windows[0] % (grid.rows() * grid.columns()) != 0 || windows[1] != op.window_h * op.window_w)
    return Mismatch("windows " + windows.ToString() + " for a map of " + std::to_string(op.height) + " x " +
                    std::to_string(op.width));
  return std::vector<TensorType>{
      {c[0].dtype, Shape{windows[0] / (grid.rows() * grid.columns()), op.height, op.width, windows[2]}}};
}

Status Reference(const WindowMerge& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView& x = in[0];
  const size_t size = SizeOf(x.dtype);
  ForEachToken(GridOf(op), out[0].shape[0],
               [&](int64_t n, int64_t row, int64_t column, bool inside, int64_t window, int64_t token) {
                 for (int64_t c = 0; inside && c < x.shape[2]; ++c) {
                   const int64_t from = window * x.strides[0] + token * x.strides[1] + c * x.strides[2];
                   const int64_t to = n * out[0].strides[0] + row * out[0].strides[1] + column * out[0].strides[2] +
                                      c * out[0].strides[3];
                   std::memcpy(out[0].as<char>() + to * static_cast<int64_t>(size),
                               x.as<char>() + from * static_cast<int64_t>(size), size);
                 }
               });
  return {};
}

}  // namespace decal
