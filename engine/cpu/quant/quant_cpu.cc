// Kernels of quantisation by one known scale: what activations have. Everything else is folded, lowered to float
// products (passes/lower_quantized.cc) or rare, and runs its reference.
// SPDX-License-Identifier: MIT
#include "engine/cpu/quant/quant_cpu.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "engine/base/element.h"
#include "engine/cpu/simd/loop_nest.h"
#include "engine/cpu/simd/round_to_grid.h"
#include "engine/cpu/row_kernel.h"

namespace decal {
namespace {

constexpr size_t kChunk = 256;  // elements converted at a time: a kilobyte of stack

using GridKernel = RowKernel<cpu::Grid, cpu::RoundRun>;

// One scale and zero point, known while the kernel is made.
struct Affine {
  float scale;
  float zero;
};

std::optional<Affine> AffineOf(const KernelRequest& request) {
  const auto scalar = [&](size_t i) -> std::optional<float> {
    if (!request.has(i)) return 0.0f;
    const TensorView& view = request.inputs[i].view;
    if (view.shape.elements() != 1 || request.inputs[i].constant == nullptr || !view.present()) return std::nullopt;
    return static_cast<float>(LoadNumber(view.dtype, view.data, 0));
  };
  const std::optional<float> scale = scalar(1), zero = scalar(2);
  if (!scale || !zero) return std::nullopt;
  return Affine{*scale, *zero};
}

// Between float32 and codes of type T.
template <class T, bool kToCodes>
class AffineKernel final : public CpuKernel {
 public:
  AffineKernel(const Affine& affine, const LoopNest<2>& nest) : affine_(affine), nest_(nest) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    using From = std::conditional_t<kToCodes, float, T>;
    using To = std::conditional_t<kToCodes, T, float>;
    cpu::ForEachTile(nest_, /*work=*/1, context.runner, [&](const cpu::LoopTile<2>& tile, size_t) {
      for (size_t r = 0; r < tile.rows; ++r)
        RunRow(in[0].as<From>() + tile.at(1, r, 0), tile.column_stride[1], out[0].as<To>() + tile.at(0, r, 0),
               tile.column_stride[0], tile.columns);
    });
  }
  bool reads_input(size_t i) const override { return i == 0; }
  const char* algorithm() const override { return "elementwise"; }

 private:
  void RunRow(const float* x, ptrdiff_t x_stride, T* y, ptrdiff_t y_stride, size_t n) const {
    constexpr float kLow = std::numeric_limits<T>::min(), kHigh = std::numeric_limits<T>::max();
    const cpu::Grid grid{affine_.scale, kLow - affine_.zero, kHigh - affine_.zero, 1};
    const int zero = static_cast<int>(affine_.zero);
    float chunk[kChunk];
    for (size_t begin = 0; begin < n; begin += kChunk) {
      const size_t count = std::min(kChunk, n - begin);
      const float* from = x + static_cast<ptrdiff_t>(begin) * x_stride;
      // A NaN has code 0, as a cast of it, moved by the zero point like every other.
      for (size_t i = 0; i < count; ++i) {
        const float v = from[static_cast<ptrdiff_t>(i) * x_stride];
        chunk[i] = v == v ? v : 0;
      }
      cpu::RoundRun(grid, chunk, chunk, count);
      for (size_t i = 0; i < count; ++i)
        y[static_cast<ptrdiff_t>(begin + i) * y_stride] = static_cast<T>(static_cast<int>(chunk[i]) + zero);
    }
  }

  void RunRow(const T* x, ptrdiff_t x_stride, float* y, ptrdiff_t y_stride, size_t n) const {
    for (size_t i = 0; i < n; ++i, x += x_stride, y += y_stride)
      *y = (static_cast<float>(*x) - affine_.zero) * affine_.scale;
  }

  Affine affine_;
  LoopNest<2> nest_;
};

template <bool kToCodes>
KernelResult MakeAffine(const KernelRequest& request) {
  const TensorView &x = request.inputs[0].view, &y = request.outputs[0].view;
  const DType floats = kToCodes ? x.dtype : y.dtype, codes = kToCodes ? y.dtype : x.dtype;
  const std::optional<Affine> affine = AffineOf(request);
  if (!affine || floats != DType::kFloat32 || x.shape.elements() == 0 || !(affine->scale > 0)) return nullptr;
  const LoopNest<2> nest = Coalesce<2>(y.shape, {y.strides, x.strides});
  if (codes == DType::kUint8) return std::make_unique<AffineKernel<uint8_t, kToCodes>>(*affine, nest);
  if (codes == DType::kInt8) return std::make_unique<AffineKernel<int8_t, kToCodes>>(*affine, nest);
  return nullptr;
}

}  // namespace

KernelResult MakeCpuKernel(const RoundToGrid& op, const KernelRequest& request) {
  const TensorView &x = request.inputs[0].view, &y = request.outputs[0].view;
  if (x.shape.elements() == 0) return nullptr;
  return std::make_unique<GridKernel>(cpu::Grid{op.scale, op.low, op.high, op.scale},
                                      Coalesce<2>(y.shape, {y.strides, x.strides}));
}

KernelResult MakeCpuKernel(const Quantize&, const KernelRequest& request) { return MakeAffine<true>(request); }
KernelResult MakeCpuKernel(const Dequantize&, const KernelRequest& request) { return MakeAffine<false>(request); }

}  // namespace decal
