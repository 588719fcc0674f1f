// CPU kernel of DeformConv: sample a block of output pixels into columns, multiply them by the packed weights.
// SPDX-License-Identifier: MIT
#include "engine/cpu/deform_conv/deform_conv_cpu.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/base/rounding.h"
#include "engine/cpu/simd/deform_sample.h"
#include "engine/ops/conv/conv_geometry.h"
#include "engine/cpu/indirect_conv_kernel.h"

namespace decal {
namespace {

// Columns of one block: they are written, then read once for each panel of weights, from the second-level cache.
constexpr size_t kColumnBytes = 512 * 1024;

// Blocks the work is cut into where it is large enough: enough for 8 threads to finish at about the same time.
constexpr size_t kMinBlocks = 16;

cpu::PixelStrides MapPixelStrides(const TensorView& view) {
  const Strides& s = view.strides;
  return {static_cast<ptrdiff_t>(s[0]), static_cast<ptrdiff_t>(s[2]), static_cast<ptrdiff_t>(s[3])};
}

cpu::MapStrides MapStridesOf(const TensorView& view) {
  const Strides& s = view.strides;
  return {static_cast<ptrdiff_t>(s[0]), static_cast<ptrdiff_t>(s[1]), static_cast<ptrdiff_t>(s[2]),
          static_cast<ptrdiff_t>(s[3])};
}

bool ChannelsAdjacent(const TensorView& view) { return view.shape[1] <= 1 || view.strides[1] == 1; }

class DeformKernel final : public CpuKernel {
 public:
  cpu::DeformShape shape;
  cpu::IndirectConvPlan plan;  // columns x weights, as a 1x1 convolution of a map with taps * depth channels
  PackedOperands operands;
  Buffer zeros;
  bool masked = false;
  size_t row_floats = 0;
  size_t column_bytes = 0;

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    const cpu::IndirectConvBuffers buffers = operands.Bind(in, out);
    const cpu::DeformBuffers sampled{buffers.in, in[kDeformOffset].as<float>(),
                                     masked ? in[kDeformMask].as<float>() : nullptr,
                                     reinterpret_cast<const float*>(zeros.data())};
    ParallelFor(context.runner, plan.tasks.size(), [&](size_t index, size_t thread) {
      const cpu::IndirectConvTask& task = plan.tasks[index];
      std::byte* scratch = context.scratch_of(thread);
      float* columns = reinterpret_cast<float*>(scratch);
      cpu::SampleColumns(shape, sampled, task.group, task.first_row, task.rows, columns);
      // The product finds row r of group g at in + r * row_floats + g * row_floats: the block lies where the map
      // would have it.
      cpu::IndirectConvBuffers block = buffers;
      block.in = columns - ptrdiff_t((task.first_row + task.group) * row_floats);
      block.zeros = columns;  // never read: every row is inside
      cpu::RunIndirectConvTask(plan, block, index, scratch + column_bytes);
    });
  }
  size_t scratch_bytes_per_thread() const override { return column_bytes + plan.scratch_bytes; }
  bool reads_input(size_t i) const override {
    return operands.reads_input(i) || i == kDeformOffset || (masked && i == kDeformMask);
  }
  const char* algorithm() const override { return "deformable, blocks of columns"; }
  uint64_t multiply_adds() const override { return plan.multiply_adds; }
};

}  // namespace

KernelResult MakeCpuKernel(const DeformConv& op, const KernelRequest& request) {
  const EpilogueInputs extra(op.epilogue, kDeformInputs);
  const TensorView &x = request.inputs[kDeformX].view, &y = request.outputs[0].view;
  if (!HasConstantWeights(request, kDeformWeight, kDeformBias, extra)) return nullptr;
  if (!ChannelsAdjacent(x) || !ChannelsAdjacent(y)) return nullptr;
  if (extra.residual != EpilogueInputs::kAbsent && !ChannelsAdjacent(request.inputs[extra.residual].view))
    return nullptr;
  DECAL_TRY_ASSIGN(const ConvGeometry g,
                   Resolve(Conv{op.window, op.group}, x.shape, request.inputs[kDeformWeight].view.shape));

  auto kernel = std::make_unique<DeformKernel>();
  cpu::DeformShape& s = kernel->shape;
  s.in_height = static_cast<size_t>(g.in[0]);
  s.in_width = static_cast<size_t>(g.in[1]);
  s.out_height = static_cast<size_t>(g.out[0]);
  s.out_width = static_cast<size_t>(g.out[1]);
  s.step_y = static_cast<size_t>(g.stride[0]);
  s.step_x = static_cast<size_t>(g.stride[1]);
  s.depth = static_cast<size_t>(g.in_channels / g.group);
  s.offset_depth = static_cast<size_t>(g.in_channels / op.offset_group);
  s.in = MapPixelStrides(x);
  s.offset = MapStridesOf(request.inputs[kDeformOffset].view);
  kernel->masked = request.has(kDeformMask);
  if (kernel->masked) s.mask = MapStridesOf(request.inputs[kDeformMask].view);

  // The weights are those of a convolution with these taps; the product sees one tap of all their channels, which
  // are packed in the same order.
  cpu::IndirectConvShape weights;
  cpu::WeightOrder order;
  const int64_t window = g.kernel[0] * g.kernel[1];
  for (int64_t t = 0; t < window; ++t) {
    s.taps.push_back({static_cast<int32_t>(t / g.kernel[1] * g.dilation[0] - g.pad_begin[0]),
                      static_cast<int32_t>(t % g.kernel[1] * g.dilation[1] - g.pad_begin[1])});
    order.tap_offsets.push_back(t);
  }
  order.depth_stride = window;
  order.column_stride = g.in_channels / g.group * window;
  order.group_stride = g.out_channels / g.group * order.column_stride;
  weights.groups = static_cast<size_t>(g.group);
  weights.depth = s.depth;
  weights.columns = static_cast<size_t>(g.out_channels / g.group);
  weights.taps = s.taps;
  weights.phases.push_back({.height = s.out_height, .width = s.out_width, .taps = s.taps.size()});

  kernel->row_floats = s.taps.size() * s.depth;
  cpu::IndirectConvShape product = weights;
  product.batch = static_cast<size_t>(g.batch);
  product.in_height = s.out_height;
  product.in_width = s.out_width;
  product.depth = kernel->row_floats;
  product.taps = {{0, 0}};
  product.phases[0].taps = 1;
  product.in.pixel = static_cast<ptrdiff_t>(kernel->row_floats);
  product.in.row = product.in.pixel * static_cast<ptrdiff_t>(s.out_width);
  product.in.batch = product.in.row * static_cast<ptrdiff_t>(s.out_height);
  product.out = MapPixelStrides(y);
  if (extra.residual != EpilogueInputs::kAbsent)
    product.residual = MapPixelStrides(request.inputs[extra.residual].view);
  kernel->plan = cpu::MakeIndirectConvPlan(std::move(product), ToCpuEpilogue(op.epilogue));

  const cpu::TileShape &tile = kernel->plan.tile, &packing = kernel->plan.packing;
  const size_t rows = kernel->plan.shape.batch * s.out_height * s.out_width;
  const size_t tiles =
      std::max<size_t>(1, std::min(kColumnBytes / sizeof(float) / kernel->row_floats, rows / kMinBlocks) / tile.rows);
  const size_t block_rows = tiles * tile.rows;
  const size_t panels = CeilDiv(weights.columns, tile.width);
  kernel->plan.tasks.clear();
  for (size_t group = 0; group < weights.groups; ++group)
    for (size_t row = 0; row < rows; row += block_rows)
      kernel->plan.tasks.push_back({0, group, row, std::min(block_rows, rows - row), 0, panels});
  kernel->column_bytes = AlignUp(block_rows * kernel->row_floats * sizeof(float));

  cpu::IndirectConvPlan packed;
  packed.tile = tile;
  packed.packing = packing;
  packed.shape = std::move(weights);
  DECAL_TRY_ASSIGN(kernel->operands, PackOperands(request, packed, order,
                                                  {.weight = kDeformWeight, .bias = kDeformBias, .extra = extra}));
  DECAL_TRY_ASSIGN(kernel->zeros, Buffer::Allocate(s.depth * sizeof(float), "padding"));
  std::memset(kernel->zeros.data(), 0, s.depth * sizeof(float));
  return kernel;
}

}  // namespace decal
