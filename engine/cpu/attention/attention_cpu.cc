// CPU kernel of Attention: heads and blocks of queries in a fixed partition.
// SPDX-License-Identifier: MIT
#include "engine/cpu/attention/attention_cpu.h"

#include <algorithm>
#include <vector>

#include "engine/base/rounding.h"
#include "engine/cpu/simd/attention.h"

namespace decal {
namespace {

// MACs of one task (about 20 microseconds): several windows are done at a time.
constexpr uint64_t kAttentionTask = 1 << 20;

// Longest query or value with a fast path: bounds the scratch memory. Heads have 32 to 128.
constexpr int64_t kMaxDepth = 1024;

// One bias: its strides, and which of its [P,G] planes are all zero (most of Swin's masks) where it is a constant.
struct BiasPlanes {
  int64_t parts = 1, part_stride = 0, heads = 1, head_stride = 0, row = 0;
  std::vector<bool> zero;  // empty: not known
};

BiasPlanes PlanesOf(const Operand& operand) {
  const TensorView& bias = operand.view;
  const Strides& s = bias.strides;
  BiasPlanes planes{bias.shape[0], s[0], bias.shape[1], bias.shape[1] == 1 ? 0 : s[1], s[2], {}};
  if (!operand.constant || !bias.present()) return planes;
  for (int64_t p = 0; p < bias.shape[0]; ++p) {
    for (int64_t h = 0; h < bias.shape[1]; ++h) {
      bool zero = true;
      for (int64_t m = 0; m < bias.shape[2] && zero; ++m) {
        const float* row = bias.as<float>() + p * s[0] + h * s[1] + m * s[2];
        zero = std::all_of(row, row + bias.shape[3], [](float value) { return value == 0; });
      }
      planes.zero.push_back(zero);
    }
  }
  return planes;
}

class AttentionKernel final : public CpuKernel {
 public:
  cpu::AttentionShape shape;
  size_t batch = 0, heads = 0;
  std::vector<BiasPlanes> biases;

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    const size_t blocks = CeilDiv(shape.queries, cpu::kAttentionQueries);
    const size_t cells = batch * heads * blocks;
    const uint64_t cell_work = std::max<uint64_t>(1, multiply_adds() / cells);
    const size_t task_cells = static_cast<size_t>(std::max<uint64_t>(1, kAttentionTask / cell_work));
    ParallelFor(context.runner, CeilDiv(cells, task_cells), [&](size_t task, size_t thread) {
      const size_t end = std::min(cells, (task + 1) * task_cells);
      for (size_t cell = task * task_cells; cell < end; ++cell) {
        const size_t first = cell % blocks * cpu::kAttentionQueries;
        const size_t head = cell / blocks;
        const cpu::AttentionBuffers buffers =
            Bind(in, out, static_cast<int64_t>(head / heads), static_cast<int64_t>(head % heads));
        cpu::RunAttention(shape, buffers, first, std::min(cpu::kAttentionQueries, shape.queries - first),
                          context.scratch_of(thread));
      }
    });
  }
  size_t scratch_bytes_per_thread() const override { return cpu::AttentionScratchBytes(shape); }
  const char* algorithm() const override { return "attention in blocks"; }
  uint64_t multiply_adds() const override {
    return uint64_t{batch} * heads * shape.queries * shape.keys * (shape.depth + shape.columns);
  }

 private:
  cpu::AttentionBuffers Bind(std::span<const TensorView> in, std::span<const MutableTensorView> out, int64_t b,
                             int64_t h) const {
    const auto at = [&](const Strides& s) { return b * s[0] + h * s[2]; };
    cpu::AttentionBuffers buffers;
    buffers.q = in[0].as<float>() + at(in[0].strides);
    buffers.k = in[1].as<float>() + at(in[1].strides);
    buffers.v = in[2].as<float>() + at(in[2].strides);
    buffers.out = out[0].as<float>() + at(out[0].strides);
    for (size_t i = 0; i < biases.size(); ++i) {
      const BiasPlanes& planes = biases[i];
      const int64_t part = b % planes.parts, head = planes.heads == 1 ? 0 : h;
      if (!planes.zero.empty() && planes.zero[static_cast<size_t>(part * planes.heads + head)]) continue;
      buffers.biases[i] = {in[3 + i].as<float>() + part * planes.part_stride + head * planes.head_stride,
                           static_cast<ptrdiff_t>(planes.row)};
    }
    return buffers;
  }
};

}  // namespace

KernelResult MakeCpuKernel(const Attention& op, const KernelRequest& request) {
  const TensorView &q = request.inputs[0].view, &k = request.inputs[1].view, &v = request.inputs[2].view;
  const TensorView& y = request.outputs[0].view;
  if (y.shape.elements() == 0 || q.shape[3] > kMaxDepth || v.shape[3] > kMaxDepth) return nullptr;
  const auto unit_columns = [](const TensorView& view) { return view.shape.back() <= 1 || view.strides.back() == 1; };
  if (!unit_columns(q) || !unit_columns(k) || !unit_columns(v) || !unit_columns(y)) return nullptr;

  auto kernel = std::make_unique<AttentionKernel>();
  for (size_t i = 3; i < 3 + static_cast<size_t>(op.biases); ++i) {
    if (!unit_columns(request.inputs[i].view)) return nullptr;
    kernel->biases.push_back(PlanesOf(request.inputs[i]));
  }
  const auto row = [](const TensorView& view) { return static_cast<ptrdiff_t>(view.strides[1]); };
  const auto size = [](int64_t extent) { return static_cast<size_t>(extent); };
  kernel->shape = {
      size(q.shape[1]), size(k.shape[1]), size(q.shape[3]), size(v.shape[3]), op.scale, row(q), row(k), row(v), row(y)};
  kernel->batch = size(q.shape[0]);
  kernel->heads = size(q.shape[2]);
  return kernel;
}

}  // namespace decal
