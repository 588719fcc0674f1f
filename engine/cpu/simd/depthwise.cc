// Depthwise convolution: direct sums in registers, four neighbouring pixels at a time.
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/depthwise.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/simd/depthwise.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/base/assert.h"
#include "engine/cpu/simd/epilogue-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

// Pixels that share each weight's load: 1.25 loads a multiply-add instead of 2, and four chains for its latency.
constexpr size_t kPixels = 4;

// Taps of a filter that fall inside the input.
struct TapRange {
  size_t first = 0, end = 0;
};

// `origin` is the input position of tap 0.
TapRange InsideTaps(ptrdiff_t origin, size_t dilation, size_t kernel, size_t extent) {
  const ptrdiff_t d = static_cast<ptrdiff_t>(dilation);
  const ptrdiff_t first = origin < 0 ? (-origin + d - 1) / d : 0;
  const ptrdiff_t left = static_cast<ptrdiff_t>(extent) - origin;
  const ptrdiff_t end = left > 0 ? (left + d - 1) / d : 0;
  const ptrdiff_t last = std::min(end, static_cast<ptrdiff_t>(kernel));
  return {static_cast<size_t>(std::min(first, last)), static_cast<size_t>(last)};
}

struct RowTask {
  const DepthwiseShape& shape;
  const Epilogue& epilogue;
  const IndirectConvBuffers& buffers;
  const float* in;  // first pixel of tap row 0; only taps inside are read
  float* out;
  const float* residual;
  TapRange ky;
  size_t padded_channels;

  // kCount pixels from output column x, all with the taps kx. kVectors vectors of channels from `channel`.
  template <size_t kCount, size_t kVectors>
  HWY_INLINE void Tile(size_t x, const TapRange& kx, size_t channel, size_t columns) const {
    const FloatTag d;
    const size_t lanes = hn::Lanes(d);
    FloatVector acc[kCount][kVectors];
    for (size_t i = 0; i < kCount; ++i)
      for (size_t v = 0; v < kVectors; ++v) acc[i][v] = hn::Zero(d);
    const ptrdiff_t step = static_cast<ptrdiff_t>(shape.stride_x) * shape.in.pixel;
    const ptrdiff_t dilation_x = static_cast<ptrdiff_t>(shape.dilation_x) * shape.in.pixel;
    const ptrdiff_t dilation_y = static_cast<ptrdiff_t>(shape.dilation_y) * shape.in.row;
    const ptrdiff_t left = static_cast<ptrdiff_t>(x * shape.stride_x) - shape.pad_left;
    const bool whole = columns == kVectors * lanes;
    for (size_t y = ky.first; y < ky.end; ++y) {
      for (size_t t = kx.first; t < kx.end; ++t) {
        const float* weights = buffers.packed + (y * shape.kernel_width + t) * padded_channels + channel;
        const float* from = in + static_cast<ptrdiff_t>(y) * dilation_y + static_cast<ptrdiff_t>(t) * dilation_x +
                            left * shape.in.pixel + static_cast<ptrdiff_t>(channel);
        for (size_t v = 0; v < kVectors; ++v) {
          const FloatVector weight = hn::LoadU(d, weights + v * lanes);
          const size_t valid = v + 1 < kVectors ? lanes : columns - v * lanes;
          for (size_t i = 0; i < kCount; ++i) {
            const float* pixel = from + static_cast<ptrdiff_t>(i) * step + v * lanes;
            const FloatVector value = whole ? hn::LoadU(d, pixel) : LoadPartial(d, pixel, valid);
            acc[i][v] = FusedMulAdd(value, weight, acc[i][v]);
          }
        }
      }
    }
    float* outs[kCount];
    const float* residuals[kCount] = {};
    for (size_t i = 0; i < kCount; ++i) {
      outs[i] = out + static_cast<ptrdiff_t>(x + i) * shape.out.pixel + channel;
      if (residual) residuals[i] = residual + static_cast<ptrdiff_t>(x + i) * shape.residual.pixel + channel;
    }
    TileOperands operands;
    operands.rows = kCount;
    operands.columns = columns;
    operands.bias = buffers.bias ? buffers.bias + channel : nullptr;
    operands.slopes = buffers.slopes ? buffers.slopes + channel : nullptr;
    operands.residual = residuals;
    operands.out = outs;
    FinishTile<kCount, kVectors>(epilogue, operands, acc);
  }

  template <size_t kCount>
  HWY_NOINLINE void Pixels(size_t x, const TapRange& kx) const {
    const size_t lanes = hn::Lanes(FloatTag());
    size_t channel = 0;
    for (; channel + 2 * lanes <= shape.channels; channel += 2 * lanes) Tile<kCount, 2>(x, kx, channel, 2 * lanes);
    for (; channel < shape.channels; channel += lanes)
      Tile<kCount, 1>(x, kx, channel, std::min(lanes, shape.channels - channel));
  }

  void Row() const {
    const TapRange all{0, shape.kernel_width};
    size_t x = 0;
    while (x < shape.out_width) {
      const auto taps_at = [this](size_t column) HWY_ATTR {
        return InsideTaps(static_cast<ptrdiff_t>(column * shape.stride_x) - shape.pad_left, shape.dilation_x,
                          shape.kernel_width, shape.in_width);
      };
      const TapRange here = taps_at(x);
      const bool interior = here.first == 0 && here.end == all.end;
      if (interior && x + kPixels <= shape.out_width && taps_at(x + kPixels - 1).end == all.end) {
        Pixels<kPixels>(x, all);
        x += kPixels;
      } else {
        Pixels<1>(x, here);
        ++x;
      }
    }
  }
};

HWY_NOINLINE void RunDepthwiseRowsTarget(const DepthwiseShape& shape, const Epilogue& epilogue,
                                         const IndirectConvBuffers& buffers, size_t first_row, size_t rows) {
  const size_t lanes = hn::Lanes(FloatTag());
  for (size_t row = first_row; row < first_row + rows; ++row) {
    const ptrdiff_t n = static_cast<ptrdiff_t>(row / shape.out_height);
    const ptrdiff_t y = static_cast<ptrdiff_t>(row % shape.out_height);
    const ptrdiff_t top = y * static_cast<ptrdiff_t>(shape.stride_y) - shape.pad_top;
    const RowTask task{
        shape,
        epilogue,
        buffers,
        buffers.in + n * shape.in.batch + top * shape.in.row,
        buffers.out + n * shape.out.batch + y * shape.out.row,
        buffers.residual ? buffers.residual + n * shape.residual.batch + y * shape.residual.row : nullptr,
        InsideTaps(top, shape.dilation_y, shape.kernel_height, shape.in_height),
        (shape.channels + lanes - 1) / lanes * lanes};
    task.Row();
  }
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal::cpu {

HWY_EXPORT(RunDepthwiseRowsTarget);

void RunDepthwiseRows(const DepthwiseShape& shape, const Epilogue& epilogue, const IndirectConvBuffers& buffers,
                      size_t first_row, size_t rows) {
  DECAL_DASSERT(first_row + rows <= shape.batch * shape.out_height);
  DECAL_DASSERT(buffers.packed != nullptr);
  DECAL_DASSERT(epilogue.residual == Epilogue::Residual::kNone || buffers.residual != nullptr);
  DECAL_DASSERT(epilogue.post != Epilogue::Post::kSlopes || buffers.slopes != nullptr);
  HWY_DYNAMIC_DISPATCH(RunDepthwiseRowsTarget)(shape, epilogue, buffers, first_row, rows);
}

}  // namespace decal::cpu
#endif  // HWY_ONCE
