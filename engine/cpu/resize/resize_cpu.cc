// Resize kernels: nearest and linear over H and W, from tables made once per shape.
// SPDX-License-Identifier: MIT
#include "engine/cpu/resize/resize_cpu.h"

#include "engine/cpu/simd/resize.h"
#include "engine/cpu/maps.h"
#include "engine/ops/resize/resize_taps.h"

namespace decal {
namespace {

// What one output position takes from its axis.
struct Tap {
  int32_t low = 0;
  int32_t high = 0;
  float weight = 0;
};

Tap LinearTap(const Resize& op, const ResizeAxis& axis, int64_t at) {
  const int32_t same = static_cast<int32_t>(at);
  if (IsIdentity(op, axis)) return {same, same, 0.0f};
  const ResizeTaps taps = TapsAt(op, axis, at);
  return {static_cast<int32_t>(taps.index[0]), static_cast<int32_t>(taps.index[taps.count - 1]),
          static_cast<float>(taps.count > 1 ? taps.weight[1] : 0.0)};
}

// Three arrays in one buffer: low, high, weight.
class TapTable {
 public:
  static Result<TapTable> Allocate(size_t entries) {
    DECAL_TRY_ASSIGN(Buffer buffer, Buffer::Allocate(entries * (2 * sizeof(int32_t) + sizeof(float)), "resize table"));
    return TapTable(entries, std::move(buffer));
  }

  int32_t* low() { return reinterpret_cast<int32_t*>(buffer_.data()); }
  int32_t* high() { return low() + entries_; }
  float* weight() { return reinterpret_cast<float*>(high() + entries_); }
  const int32_t* low() const { return reinterpret_cast<const int32_t*>(buffer_.data()); }
  cpu::LinearTable linear() const {
    return {low(), low() + entries_, reinterpret_cast<const float*>(low() + 2 * entries_)};
  }
  void Set(size_t i, const Tap& tap) {
    low()[i] = tap.low;
    high()[i] = tap.high;
    weight()[i] = tap.weight;
  }

 private:
  TapTable(size_t entries, Buffer buffer) : entries_(entries), buffer_(std::move(buffer)) {}

  size_t entries_;
  Buffer buffer_;
};

class ResizeKernel final : public CpuKernel {
 public:
  ResizeKernel(ResizeMode mode, const Shape& in, const Shape& out, TapTable rows, TapTable columns)
      : nearest_(mode == ResizeMode::kNearest), narrow_(IsNarrow(mode, in)),
        scratch_floats_(narrow_ ? static_cast<size_t>((2 * in[3] + out[3]) * in[1]) : 0), rows_(std::move(rows)),
        columns_(std::move(columns)) {}

  static bool IsNarrow(ResizeMode mode, const Shape& in) {
    return mode == ResizeMode::kLinear && in[1] < static_cast<int64_t>(cpu::kMinWideChannels);
  }

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    const size_t height = static_cast<size_t>(out[0].shape[2]);
    const size_t width = static_cast<size_t>(out[0].shape[3]);
    const RowTasks tasks(static_cast<size_t>(out[0].shape[0]) * height, width * static_cast<size_t>(out[0].shape[1]));
    const cpu::LinearTable rows = rows_.linear();
    const cpu::LinearTable columns = columns_.linear();
    ParallelFor(context.runner, tasks.count(), [&](size_t task, size_t thread) {
      for (size_t row = tasks.begin(task); row < tasks.end(task); ++row) {
        const int64_t n = static_cast<int64_t>(row / height);
        const size_t y = row % height;
        const cpu::FeatureMap from = MapOf(in[0], n);
        const cpu::MutableFeatureMap to = MapOf(out[0], n);
        const cpu::LinearRow source{static_cast<size_t>(rows.low[y]), static_cast<size_t>(rows.high[y]),
                                    rows.weight[y]};
        if (nearest_) cpu::ResizeNearestRow(from, source.low, columns.low, width, to.row(y), to.pixel_stride);
        else if (narrow_)
          cpu::ResizeLinearNarrow(from, source, columns, width, to.row(y), to.pixel_stride,
                                  reinterpret_cast<float*>(context.scratch_of(thread)));
        else cpu::ResizeLinearWide(from, source, columns, width, to.row(y), to.pixel_stride);
      }
    });
  }
  size_t scratch_bytes_per_thread() const override { return scratch_floats_ * sizeof(float); }
  bool reads_input(size_t i) const override { return i == 0; }
  const char* algorithm() const override {
    return nearest_ ? "nearest" : narrow_ ? "bilinear, few channels" : "bilinear";
  }

 private:
  bool nearest_;
  bool narrow_;
  size_t scratch_floats_;
  TapTable rows_;
  TapTable columns_;
};

}  // namespace

KernelResult MakeCpuKernel(const Resize& op, const KernelRequest& request) {
  const TensorView& x = request.inputs[0].view;
  const TensorView& out = request.outputs[0].view;
  if (op.mode == ResizeMode::kCubic || !IsChannelsLastMap(x) || !IsChannelsLastMap(out)) return nullptr;
  if (op.antialias || op.coordinates == ResizeCoordinates::kTfCropAndResize) return nullptr;
  std::vector<TensorView> in;
  for (const Operand& operand : request.inputs) {
    if (!in.empty() && operand.present && operand.view.data == nullptr) return nullptr;
    in.push_back(operand.present ? operand.view : TensorView());
  }
  DECAL_TRY_ASSIGN(const ResizeParameters parameters, ReadResizeParameters(op, in));
  DECAL_TRY_ASSIGN(const ResizeAxes axes, AxesOf(op, x.shape, parameters));
  if (!IsIdentity(op, axes.axes[0]) || !IsIdentity(op, axes.axes[1])) return nullptr;

  DECAL_TRY_ASSIGN(TapTable rows, TapTable::Allocate(static_cast<size_t>(out.shape[2])));
  for (int64_t y = 0; y < out.shape[2]; ++y) rows.Set(static_cast<size_t>(y), LinearTap(op, axes.axes[2], y));
  const int32_t channels = ResizeKernel::IsNarrow(op.mode, x.shape) ? static_cast<int32_t>(x.shape[1]) : 1;
  DECAL_TRY_ASSIGN(TapTable columns, TapTable::Allocate(static_cast<size_t>(out.shape[3] * channels)));
  for (int64_t i = 0; i < out.shape[3] * channels; ++i) {
    const Tap tap = LinearTap(op, axes.axes[3], i / channels);
    const int32_t channel = static_cast<int32_t>(i % channels);
    columns.Set(static_cast<size_t>(i), {tap.low * channels + channel, tap.high * channels + channel, tap.weight});
  }
  return std::make_unique<ResizeKernel>(op.mode, x.shape, out.shape, std::move(rows), std::move(columns));
}

}  // namespace decal
