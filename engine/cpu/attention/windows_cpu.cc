// Cutting maps into windows and putting them together again: row copies.
// SPDX-License-Identifier: MIT
#include <cstring>

#include "engine/cpu/attention/attention_cpu.h"
#include "engine/ops/attention/window_grid.h"

namespace decal {
namespace {

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
void CutWindow(const WindowGrid& grid, int64_t wy, int64_t wx, const std::byte* map, ByteStrides at, std::byte* window,
               int64_t token_bytes, size_t bytes) {
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
        CopyPixels(window + token * token_bytes, token_bytes, map + row * at.row + column * at.pixel, at.pixel, pixels,
                   bytes);
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

}  // namespace

KernelResult MakeCpuKernel(const WindowPartition& op, const KernelRequest& request) {
  const TensorView &x = request.inputs[0].view, &y = request.outputs[0].view;
  if (x.shape.elements() == 0 || x.strides[3] != 1 || y.strides[2] != 1) return nullptr;
  return std::make_unique<WindowKernel<true>>(WindowWalk<true>(GridOf(op, x.shape), x, y));
}

KernelResult MakeCpuKernel(const WindowMerge& op, const KernelRequest& request) {
  const TensorView &x = request.inputs[0].view, &y = request.outputs[0].view;
  if (x.shape.elements() == 0 || x.strides[2] != 1 || y.strides[3] != 1) return nullptr;
  return std::make_unique<WindowKernel<false>>(WindowWalk<false>(GridOf(op), y, x));
}

}  // namespace decal
