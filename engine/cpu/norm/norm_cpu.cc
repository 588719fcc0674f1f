// Normalisation kernels: per channel over channels-last maps, and along contiguous runs.
// SPDX-License-Identifier: MIT
#include "engine/cpu/norm/norm_cpu.h"

#include <cmath>

#include "engine/cpu/simd/loop_nest.h"
#include "engine/cpu/simd/moments.h"
#include "engine/cpu/simd/norm.h"
#include "engine/ops/axis_group.h"
#include "engine/cpu/maps.h"

namespace decal {
namespace {

// out = x * scale[c] + shift[c], within limits, over one picture.
void ScaleShiftMap(const cpu::FeatureMap& from, const cpu::MutableFeatureMap& to, const cpu::ScaleShift& by,
                   ThreadRunner& runner) {
  const RowTasks tasks(from.height, from.width * from.channels);
  ParallelFor(runner, tasks.count(), [&](size_t task, size_t) {
    for (size_t y = tasks.begin(task); y < tasks.end(task); ++y)
      cpu::ScaleShiftRow(from.row(y), from.pixel_stride, to.row(y), to.pixel_stride, from.width, from.channels, by);
  });
}

float At(const TensorView& parameter, size_t channel) {
  return parameter.as<float>()[static_cast<int64_t>(channel) * parameter.strides[0]];
}

class BatchNormKernel final : public CpuKernel {
 public:
  BatchNormKernel(const BatchNorm& op, int64_t channels) : op_(op), channels_(static_cast<size_t>(channels)) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    float* scale = reinterpret_cast<float*>(context.scratch);
    float* shift = scale + channels_;
    for (size_t c = 0; c < channels_; ++c) {
      scale[c] = At(in[1], c) / std::sqrt(At(in[4], c) + op_.epsilon);
      shift[c] = At(in[2], c) - At(in[3], c) * scale[c];
    }
    for (int64_t n = 0; n < in[0].shape[0]; ++n)
      ScaleShiftMap(MapOf(in[0], n), MapOf(out[0], n), {scale, shift}, context.runner);
  }
  size_t scratch_bytes_per_thread() const override { return 2 * channels_ * sizeof(float); }
  const char* algorithm() const override { return "scale and shift"; }

 private:
  BatchNorm op_;
  size_t channels_;
};

class InstanceNormKernel final : public CpuKernel {
 public:
  InstanceNormKernel(const InstanceNorm& op, int64_t channels) : op_(op), channels_(static_cast<size_t>(channels)) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    float* shift = reinterpret_cast<float*>(context.scratch);
    float* scale = shift + channels_;
    const size_t first = static_cast<size_t>(op_.first);
    const size_t end = static_cast<size_t>(std::min(op_.end, static_cast<int64_t>(channels_)));
    for (int64_t n = 0; n < in[0].shape[0]; ++n) {
      const cpu::FeatureMap map = MapOf(in[0], n);
      cpu::FeatureMap normalized = map;
      normalized.data += first;
      normalized.channels = end - first;
      cpu::ChannelMoments(normalized, scale + channels_, shift + first, scale + first, context.runner);
      for (size_t c = 0; c < channels_; ++c) {
        const bool normal = c >= first && c < end;
        const float mean = normal ? shift[c] : 0.0f;
        scale[c] = normal ? At(in[1], c) / std::sqrt(scale[c] + op_.epsilon) : At(in[1], c);
        shift[c] = At(in[2], c) - mean * scale[c];
      }
      ScaleShiftMap(map, MapOf(out[0], n), {scale, shift, op_.low, op_.high}, context.runner);
    }
  }
  size_t scratch_bytes_per_thread() const override {
    return (2 * channels_ + cpu::MomentsScratchFloats(channels_)) * sizeof(float);
  }
  const char* algorithm() const override { return "joined moments"; }

 private:
  InstanceNorm op_;
  size_t channels_;
};

class LayerNormKernel final : public CpuKernel {
 public:
  LayerNormKernel(const LayerNorm& op, size_t n, bool has_bias, const LoopNest<2>& rows)
      : op_(op), n_(n), has_bias_(has_bias), rows_(rows) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    const float* scale = in[1].as<float>();
    const float* bias = has_bias_ ? in[2].as<float>() : nullptr;
    cpu::ForEachTile(rows_, n_, context.runner, [&](const cpu::LoopTile<2>& tile, size_t) {
      for (size_t r = 0; r < tile.rows; ++r)
        for (size_t c = 0; c < tile.columns; ++c)
          cpu::LayerNormRun(in[0].as<float>() + tile.at(1, r, c), scale, bias, op_.epsilon,
                            out[0].as<float>() + tile.at(0, r, c), n_);
    });
  }
  const char* algorithm() const override { return "two-pass moments"; }

 private:
  LayerNorm op_;
  size_t n_;
  bool has_bias_;
  LoopNest<2> rows_;
};

class SoftmaxKernel final : public CpuKernel {
 public:
  SoftmaxKernel(bool logarithm, const LoopNest<2>& run, const LoopNest<2>& rows)
      : logarithm_(logarithm), n_(static_cast<size_t>(run.inner_extent())), y_stride_(run.strides[0][0]),
        x_stride_(run.strides[1][0]), rows_(rows) {}

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    cpu::ForEachTile(rows_, n_, context.runner, [&](const cpu::LoopTile<2>& tile, size_t thread) {
      for (size_t r = 0; r < tile.rows; ++r) {
        const float* x = in[0].as<float>() + tile.at(1, r, 0);
        float* y = out[0].as<float>() + tile.at(0, r, 0);
        if (contiguous())
          cpu::SoftmaxRows(x, tile.column_stride[1], y, tile.column_stride[0], tile.columns, n_, logarithm_);
        else
          RunGathered(x, tile.column_stride[1], y, tile.column_stride[0], tile.columns,
                      reinterpret_cast<float*>(context.scratch_of(thread)));
      }
    });
  }
  size_t scratch_bytes_per_thread() const override { return contiguous() ? 0 : GatheredRows() * n_ * sizeof(float); }
  const char* algorithm() const override { return contiguous() ? "contiguous" : "gathered"; }

 private:
  bool contiguous() const { return x_stride_ == 1 && y_stride_ == 1; }
  // Enough short rows at a time for the exponentials to fill vectors.
  size_t GatheredRows() const { return std::max<size_t>(1, 256 / n_); }

  void RunGathered(const float* x, ptrdiff_t x_row, float* y, ptrdiff_t y_row, size_t rows, float* dense) const {
    const size_t step = GatheredRows();
    const ptrdiff_t dense_row = static_cast<ptrdiff_t>(n_);
    for (size_t begin = 0; begin < rows; begin += step) {
      const size_t count = std::min(step, rows - begin);
      for (size_t i = 0; i < n_; ++i)
        for (size_t r = 0; r < count; ++r)
          dense[r * n_ + i] = x[static_cast<ptrdiff_t>(begin + r) * x_row + static_cast<ptrdiff_t>(i) * x_stride_];
      cpu::SoftmaxRows(dense, dense_row, dense, dense_row, count, n_, logarithm_);
      for (size_t i = 0; i < n_; ++i)
        for (size_t r = 0; r < count; ++r)
          y[static_cast<ptrdiff_t>(begin + r) * y_row + static_cast<ptrdiff_t>(i) * y_stride_] = dense[r * n_ + i];
    }
  }

  bool logarithm_;
  size_t n_;
  ptrdiff_t y_stride_;
  ptrdiff_t x_stride_;
  LoopNest<2> rows_;
};

bool PerChannelReady(const KernelRequest& request) {
  for (const Operand& operand : request.inputs.subspan(1))
    if (operand.view.dtype != DType::kFloat32) return false;
  return IsChannelsLastMap(request.inputs[0].view) && IsChannelsLastMap(request.outputs[0].view);
}

}  // namespace

KernelResult MakeCpuKernel(const BatchNorm& op, const KernelRequest& request) {
  if (op.training) return nullptr;
  if (!PerChannelReady(request)) return nullptr;
  return std::make_unique<BatchNormKernel>(op, request.inputs[0].view.shape[1]);
}

KernelResult MakeCpuKernel(const InstanceNorm& op, const KernelRequest& request) {
  if (!PerChannelReady(request)) return nullptr;
  return std::make_unique<InstanceNormKernel>(op, request.inputs[0].view.shape[1]);
}

KernelResult MakeCpuKernel(const LayerNorm& op, const KernelRequest& request) {
  if (request.outputs.size() != 1) return nullptr;
  const TensorView& x = request.inputs[0].view;
  const TensorView& y = request.outputs[0].view;
  for (size_t i = 0; i < request.inputs.size(); ++i)
    if (request.has(i) && request.inputs[i].view.dtype != DType::kFloat32) return nullptr;
  if (x.shape.elements() == 0) return nullptr;
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(op.axis, x.shape.rank()));
  const AxisSet group = AxesFrom(axis, x.shape.rank());
  const bool has_bias = request.has(2);
  const Strides scale = BroadcastTo(request.inputs[1].view, x.shape).strides;
  const Strides bias = has_bias ? BroadcastTo(request.inputs[2].view, x.shape).strides : scale;
  for (size_t d = 0; d < axis; ++d)
    if (scale[d] != 0 || bias[d] != 0) return nullptr;  // parameters that differ from row to row
  const LoopNest<4> run = CoalesceSubset<4>(x.shape, {y.strides, x.strides, scale, bias}, group, true);
  if (run.extents.rank() != 1) return nullptr;
  for (const Strides& strides : run.strides)
    if (strides[0] != 1) return nullptr;
  return std::make_unique<LayerNormKernel>(op, static_cast<size_t>(run.inner_extent()), has_bias,
                                           CoalesceSubset<2>(x.shape, {y.strides, x.strides}, group, false));
}

KernelResult MakeCpuKernel(const Softmax& op, const KernelRequest& request) {
  const TensorView& x = request.inputs[0].view;
  const TensorView& y = request.outputs[0].view;
  if (x.dtype != DType::kFloat32 || x.shape.elements() == 0) return nullptr;
  const size_t rank = x.shape.rank();
  DECAL_TRY_ASSIGN(const size_t axis, NormalizeAxis(op.axis, rank));
  AxisSet group;
  for (size_t d = axis; d < (op.flatten ? rank : std::min(axis + 1, rank)); ++d) group.in[d] = true;
  const LoopNest<2> run = CoalesceSubset<2>(x.shape, {y.strides, x.strides}, group, true);
  if (run.extents.rank() != 1) return nullptr;
  return std::make_unique<SoftmaxKernel>(op.log, run, CoalesceSubset<2>(x.shape, {y.strides, x.strides}, group, false));
}

}  // namespace decal
