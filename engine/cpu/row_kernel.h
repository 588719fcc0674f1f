// The kernel of an operator on single floats that engine/cpu runs over contiguous rows.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include "engine/cpu/simd/loop_nest.h"
#include "engine/cpu/kernel.h"

namespace decal {

// Calls kRun(params, x, y, n) for runs of elements; rows with other strides are gathered and scattered around it.
template <class Params, void (*kRun)(const Params&, const float* x, float* y, size_t n)>
class RowKernel final : public CpuKernel {
 public:
  RowKernel(const Params& params, const LoopNest<2>& nest) : params_(params), nest_(nest) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    cpu::ForEachTile(nest_, /*work=*/1, context.runner, [&](const cpu::LoopTile<2>& tile, size_t) {
      for (size_t r = 0; r < tile.rows; ++r)
        RunRow(in[0].as<float>() + tile.at(1, r, 0), tile.column_stride[1], out[0].as<float>() + tile.at(0, r, 0),
               tile.column_stride[0], tile.columns);
    });
  }
  const char* algorithm() const override { return "elementwise"; }

 private:
  void RunRow(const float* x, ptrdiff_t x_stride, float* y, ptrdiff_t y_stride, size_t n) const {
    if (x_stride == 1 && y_stride == 1) return kRun(params_, x, y, n);
    constexpr size_t kChunk = 256;  // elements gathered at a time: a kilobyte of stack
    float chunk[kChunk];
    for (size_t begin = 0; begin < n; begin += kChunk) {
      const size_t count = std::min(kChunk, n - begin);
      const float* from = x + static_cast<ptrdiff_t>(begin) * x_stride;
      float* to = y + static_cast<ptrdiff_t>(begin) * y_stride;
      for (size_t i = 0; i < count; ++i) chunk[i] = from[static_cast<ptrdiff_t>(i) * x_stride];
      kRun(params_, chunk, chunk, count);
      for (size_t i = 0; i < count; ++i) to[static_cast<ptrdiff_t>(i) * y_stride] = chunk[i];
    }
  }

  Params params_;
  LoopNest<2> nest_;
};

}  // namespace decal
