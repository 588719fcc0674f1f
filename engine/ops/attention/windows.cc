// Cutting maps into windows and putting them together again: shape rules, references and row copies.
#include <algorithm>
#include <cstring>
#include <string>

#include "engine/base/limits.h"
#include "engine/base/rounding.h"
#include "engine/ops/attention/attention.h"

namespace decal {
namespace {

// A map of `height` x `width` pixels under windows; both operators walk it the same way.
struct WindowGrid {
  int64_t window_h, window_w, shift_y, shift_x;
  int64_t height, width;

  int64_t rows() const { return CeilDiv(height, window_h); }
  int64_t columns() const { return CeilDiv(width, window_w); }

  // Calls fn(map row or -1, first map column or -1, token, pixels) for the runs of window row `y` of window (wy, wx):
  // at most two, where the roll wraps, and those beyond the map's edge.
  template <class Fn>
  void ForEachRun(int64_t wy, int64_t wx, int64_t y, const Fn& fn) const {
    const int64_t padded_h = rows() * window_h, padded_w = columns() * window_w;
    const int64_t row = (wy * window_h + y + shift_y) % padded_h;
    for (int64_t x = 0; x < window_w;) {
      const int64_t column = (wx * window_w + x + shift_x) % padded_w;
      const bool inside = row < height && column < width;
      const int64_t edge = inside ? width : padded_w;  // where this run ends at the latest
      const int64_t pixels = std::min(window_w - x, edge - column);
      fn(inside ? row : -1, inside ? column : -1, y * window_w + x, pixels);
      x += pixels;
    }
  }
};

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

WindowGrid GridOf(const WindowPartition& op, const Shape& map) {
  return {op.window_h, op.window_w, op.shift_y, op.shift_x, map[1], map[2]};
}
WindowGrid GridOf(const WindowMerge& op) {
  return {op.window_h, op.window_w, op.shift_y, op.shift_x, op.height, op.width};
}

void CopyPixels(const std::byte* from, int64_t from_pixel, std::byte* to, int64_t to_pixel, int64_t pixels,
                size_t bytes) {
  if (from_pixel == to_pixel && from_pixel == static_cast<int64_t>(bytes)) {
    std::memcpy(to, from, static_cast<size_t>(pixels) * bytes);
    return;
  }
  for (int64_t p = 0; p < pixels; ++p) std::memcpy(to + p * to_pixel, from + p * from_pixel, bytes);
}

// Byte strides of a tensor whose last dimension is dense.
struct ByteStrides {
  int64_t batch, row, pixel;
};

// One window; `map` is its picture's first pixel, `window` its first token.
void CutWindow(const WindowGrid& grid, int64_t wy, int64_t wx, const std::byte* map, ByteStrides at,
               std::byte* window, int64_t token_bytes, size_t bytes) {
  for (int64_t y = 0; y < grid.window_h; ++y)
    grid.ForEachRun(wy, wx, y, [&](int64_t row, int64_t column, int64_t token, int64_t pixels) {
      std::byte* to = window + token * token_bytes;
      if (row >= 0) return CopyPixels(map + row * at.row + column * at.pixel, at.pixel, to, token_bytes, pixels, bytes);
      for (int64_t p = 0; p < pixels; ++p) std::memset(to + p * token_bytes, 0, bytes);
    });
}

void PasteWindow(const WindowGrid& grid, int64_t wy, int64_t wx, const std::byte* window, int64_t token_bytes,
                 std::byte* map, ByteStrides at, size_t bytes) {
  for (int64_t y = 0; y < grid.window_h; ++y)
    grid.ForEachRun(wy, wx, y, [&](int64_t row, int64_t column, int64_t token, int64_t pixels) {
      if (row >= 0)
        CopyPixels(window + token * token_bytes, token_bytes, map + row * at.row + column * at.pixel, at.pixel,
                   pixels, bytes);
    });
}

// Walks all windows of all pictures: fn(map, window, wy, wx) with both as byte pointers.
template <bool kCut>
class WindowWalk {
 public:
  WindowWalk(const WindowGrid& grid, const TensorView& map, const TensorView& windows)
      : grid_(grid), size_(static_cast<int64_t>(SizeOf(map.dtype))), bytes_(static_cast<size_t>(map.shape[3] * size_)),
        at_{map.strides[0] * size_, map.strides[1] * size_, map.strides[2] * size_},
        window_bytes_(windows.strides[0] * size_), token_bytes_(windows.strides[1] * size_), count_(windows.shape[0]) {}

  size_t count() const { return static_cast<size_t>(count_); }
  void Run(size_t index, const std::byte* from, std::byte* to) const {
    const int64_t i = static_cast<int64_t>(index), per_map = grid_.rows() * grid_.columns();
    const int64_t wy = i % per_map / grid_.columns(), wx = i % grid_.columns();
    const int64_t map = i / per_map * at_.batch, window = i * window_bytes_;
    if constexpr (kCut) CutWindow(grid_, wy, wx, from + map, at_, to + window, token_bytes_, bytes_);
    else PasteWindow(grid_, wy, wx, from + window, token_bytes_, to + map, at_, bytes_);
  }

 private:
  WindowGrid grid_;
  int64_t size_;
  size_t bytes_;
  ByteStrides at_;
  int64_t window_bytes_, token_bytes_, count_;
};

template <bool kCut>
class WindowKernel final : public CpuKernel {
 public:
  explicit WindowKernel(const WindowWalk<kCut>& walk) : walk_(walk) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    ParallelFor(context.runner, walk_.count(),
                [&](size_t i, size_t) { walk_.Run(i, in[0].as<std::byte>(), out[0].as<std::byte>()); });
  }
  const char* algorithm() const override { return "row copies"; }

 private:
  WindowWalk<kCut> walk_;
};

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
  if (!c.has(0) || c[0].shape.rank() != 4) return Mismatch("windows of a tensor that is no map");
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

LayoutNeed LayoutOf(const WindowPartition&) { return LayoutNeed::kRowMajor; }

KernelResult MakeCpuKernel(const WindowPartition& op, const KernelRequest& request) {
  const TensorView &x = request.inputs[0].view, &y = request.outputs[0].view;
  if (x.shape.elements() == 0 || x.strides[3] != 1 || y.strides[2] != 1) return nullptr;
  return std::make_unique<WindowKernel<true>>(WindowWalk<true>(GridOf(op, x.shape), x, y));
}

InferResult Infer(const WindowMerge& op, const InferContext& c) {
  if (!c.has(0) || c[0].shape.rank() != 3) return Mismatch("merging a tensor that is no list of windows");
  DECAL_TRY(CheckWindow(op.window_h, op.window_w, op.shift_y, op.shift_x));
  if (op.height < 1 || op.width < 1 || op.height > kMaxTensorElements || op.width > kMaxTensorElements)
    return Mismatch("a map of no extent");
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

LayoutNeed LayoutOf(const WindowMerge&) { return LayoutNeed::kRowMajor; }

KernelResult MakeCpuKernel(const WindowMerge& op, const KernelRequest& request) {
  const TensorView &x = request.inputs[0].view, &y = request.outputs[0].view;
  if (x.shape.elements() == 0 || x.strides[2] != 1 || y.strides[3] != 1) return nullptr;
  return std::make_unique<WindowKernel<false>>(WindowWalk<false>(GridOf(op), y, x));
}

}  // namespace decal
