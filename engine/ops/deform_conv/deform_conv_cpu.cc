// Deformable convolution on the CPU: a tile of output pixels is sampled into columns, then multiplied by the packed
// weights while the columns are in cache. All columns together would take kernel-area times the input's memory.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/cpu/bilinear.h"
#include "engine/ops/conv/conv_geometry.h"
#include "engine/ops/deform_conv/deform_conv.h"
#include "engine/ops/igemm_kernel.h"

namespace decal {
namespace {

// Columns of one tile: a second-level cache's worth, so that the product finds them there.
constexpr int64_t kColumnBytes = 256 << 10;
// Pixels of a tile: enough rows for the product's register tiles, whatever the column's length, and no more than
// what still cuts a 16 x 16 map (BiRefNet's smallest) for several threads.
constexpr int64_t kMinPixels = 16, kMaxPixels = 64;

// Where a tensor's pixels lie: [N,C,H,W] strides.
struct MapStrides {
  ptrdiff_t batch = 0, channel = 0, row = 0, pixel = 0;
};
MapStrides StridesOf(const TensorView& view) {
  return {static_cast<ptrdiff_t>(view.strides[0]), static_cast<ptrdiff_t>(view.strides[1]),
          static_cast<ptrdiff_t>(view.strides[2]), static_cast<ptrdiff_t>(view.strides[3])};
}

class DeformKernel final : public CpuKernel {
 public:
  ConvGeometry g;
  int64_t offset_group = 1, tile_pixels = 1;
  MapStrides x, offset, mask, out, residual;
  cpu::IgemmPlan full, rest;  // products over tile_pixels, and over the last tile of a picture
  PackedOperands operands;
  Buffer zeros;

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> outputs, const CpuContext& context) const override {
    const int64_t pixels = g.out[0] * g.out[1], tiles = (pixels + tile_pixels - 1) / tile_pixels;
    ParallelFor(context.runner, static_cast<size_t>(g.batch * tiles), [&](size_t task, size_t thread) {
      const int64_t n = static_cast<int64_t>(task) / tiles, first = static_cast<int64_t>(task) % tiles * tile_pixels;
      const int64_t count = std::min(tile_pixels, pixels - first);
      float* columns = reinterpret_cast<float*>(context.scratch_of(thread));
      for (int64_t p = 0; p < count; ++p) SampleColumn(in, n, first + p, columns + p * column_floats());
      cpu::IgemmBuffers buffers = operands.Bind(in, outputs);
      buffers.in = columns;
      buffers.zeros = reinterpret_cast<const float*>(zeros.data());
      buffers.out += n * out.batch + first * out.pixel;
      if (buffers.residual != nullptr) buffers.residual += n * residual.batch + first * residual.pixel;
      const cpu::IgemmPlan& plan = count == tile_pixels ? full : rest;
      for (size_t t = 0; t < plan.tasks.size(); ++t) cpu::RunIgemmTask(plan, buffers, t, context.scratch_of(thread) + ColumnBytes());
    });
  }
  size_t scratch_bytes_per_thread() const override { return ColumnBytes() + std::max(full.scratch_bytes, rest.scratch_bytes); }
  bool reads_input(size_t i) const override { return i == kDeformOffset || i == kDeformMask || operands.reads_input(i); }
  const char* algorithm() const override { return "sampled columns, GEMM"; }
  uint64_t multiply_adds() const override {
    return static_cast<uint64_t>(g.batch * g.out[0] * g.out[1] * g.kernel[0] * g.kernel[1] * g.in_channels * g.out_channels);
  }

  int64_t column_floats() const { return g.kernel[0] * g.kernel[1] * g.in_channels; }

 private:
  size_t ColumnBytes() const { return AlignUp(static_cast<size_t>(tile_pixels * column_floats()) * sizeof(float)); }

  // All taps of one output pixel, [tap][channel].
  void SampleColumn(std::span<const TensorView> in, int64_t n, int64_t pixel, float* column) const {
    const int64_t oy = pixel / g.out[1], ox = pixel % g.out[1];
    const float* map = in[0].as<float>() + n * x.batch;
    const float* moves = in[kDeformOffset].as<float>() + n * offset.batch + oy * offset.row + ox * offset.pixel;
    const float* masks = in.size() > kDeformMask && in[kDeformMask].present()
                             ? in[kDeformMask].as<float>() + n * mask.batch + oy * mask.row + ox * mask.pixel
                             : nullptr;
    const int64_t depth = g.in_channels / offset_group, taps = g.kernel[0] * g.kernel[1];
    for (int64_t tap = 0; tap < taps; ++tap) {
      const float base_y = static_cast<float>(oy * g.stride[0] - g.pad_begin[0] + tap / g.kernel[1] * g.dilation[0]);
      const float base_x = static_cast<float>(ox * g.stride[1] - g.pad_begin[1] + tap % g.kernel[1] * g.dilation[1]);
      for (int64_t group = 0; group < offset_group; ++group) {
        const int64_t move = group * taps + tap;
        const float y = base_y + moves[2 * move * offset.channel], xx = base_x + moves[(2 * move + 1) * offset.channel];
        float* to = column + tap * g.in_channels + group * depth;
        cpu::BilinearSample sample;
        if (!Corners(map + group * depth, y, xx, masks ? masks[move * mask.channel] : 1.0f, sample)) {
          std::memset(to, 0, static_cast<size_t>(depth) * sizeof(float));
        } else {
          cpu::RunBilinear(sample, to, static_cast<size_t>(depth));
        }
      }
    }
  }

  // False where no pixel of the map is near.
  bool Corners(const float* map, float y, float xx, float factor, cpu::BilinearSample& sample) const {
    const float floor_y = std::floor(y), floor_x = std::floor(xx);
    if (!(floor_y >= -1 && floor_x >= -1 && floor_y < static_cast<float>(g.in[0]) && floor_x < static_cast<float>(g.in[1]))) return false;
    const int64_t y0 = static_cast<int64_t>(floor_y), x0 = static_cast<int64_t>(floor_x);
    const float fy = y - floor_y, fx = xx - floor_x;
    for (int64_t i = 0; i < 4; ++i) {
      const int64_t row = y0 + i / 2, column = x0 + i % 2;
      const bool inside = row >= 0 && row < g.in[0] && column >= 0 && column < g.in[1];
      sample.pixel[i] = map + (inside ? row * x.row + column * x.pixel : 0);
      sample.weight[i] = inside ? factor * (i / 2 ? fy : 1 - fy) * (i % 2 ? fx : 1 - fx) : 0.0f;
    }
    return true;
  }
};

// One row of pixels with this stride, so that a tile may run over the ends of rows.
bool IsOneRow(const TensorView& view) {
  return view.dtype == DType::kFloat32 && view.strides[1] == 1 &&
         (view.shape[2] == 1 || view.strides[2] == view.shape[3] * view.strides[3]);
}

}  // namespace

KernelResult MakeCpuKernel(const DeformConv& op, const KernelRequest& request) {
  const EpilogueInputs extra(op.epilogue, kDeformInputs);
  const TensorView &in = request.inputs[0].view, &out = request.outputs[0].view;
  DECAL_TRY_ASSIGN(const ConvGeometry g, Resolve(Conv{op.window, op.group, {}}, in.shape, request.inputs[1].view.shape));
  if (op.group != 1 || in.strides[1] != 1 || !IsOneRow(out) || in.shape.elements() == 0 || out.shape.elements() == 0) return nullptr;
  if (!HasConstantWeights(request, 1, kDeformBias, extra)) return nullptr;
  const bool has_residual = extra.residual != EpilogueInputs::kAbsent;
  if (has_residual && !IsOneRow(request.inputs[extra.residual].view)) return nullptr;

  auto kernel = std::make_unique<DeformKernel>();
  kernel->g = g;
  kernel->offset_group = op.offset_group;
  kernel->x = StridesOf(in);
  kernel->out = StridesOf(out);
  kernel->offset = StridesOf(request.inputs[kDeformOffset].view);
  if (request.has(kDeformMask)) kernel->mask = StridesOf(request.inputs[kDeformMask].view);
  if (has_residual) kernel->residual = StridesOf(request.inputs[extra.residual].view);
  const int64_t pixels = g.out[0] * g.out[1], column_bytes = kernel->column_floats() * static_cast<int64_t>(sizeof(float));
  kernel->tile_pixels = std::min(pixels, std::clamp(kColumnBytes / column_bytes, kMinPixels, kMaxPixels));

  // A tile is a map of one row whose pixels are the taps' samples: tap t of pixel p lies at p * taps + t.
  const int64_t taps = g.kernel[0] * g.kernel[1];
  cpu::WeightOrder order;
  order.depth_stride = taps;
  order.column_stride = g.in_channels * taps;
  for (int64_t t = 0; t < taps; ++t) order.tap_offsets.push_back(t);
  const auto plan_for = [&](int64_t count) {
    cpu::IgemmShape shape;
    shape.in_width = static_cast<size_t>(count * taps);
    shape.in_step_x = static_cast<size_t>(taps);
    shape.depth = static_cast<size_t>(g.in_channels);
    shape.columns = static_cast<size_t>(g.out_channels);
    shape.in = {0, 0, static_cast<ptrdiff_t>(g.in_channels)};
    shape.out = {0, 0, kernel->out.pixel};
    shape.residual = {0, 0, kernel->residual.pixel};
    for (int64_t t = 0; t < taps; ++t) shape.taps.push_back({0, static_cast<int32_t>(t)});
    shape.phases = {{.height = 1, .width = static_cast<size_t>(count), .taps = static_cast<size_t>(taps)}};
    return cpu::MakeIgemmPlan(std::move(shape), ToCpuEpilogue(op.epilogue));
  };
  kernel->full = plan_for(kernel->tile_pixels);
  kernel->rest = plan_for(std::max<int64_t>(1, pixels % kernel->tile_pixels));
  DECAL_TRY_ASSIGN(kernel->operands, PackOperands(request, kernel->full, order, {.weight = 1, .bias = kDeformBias, .extra = extra}));
  DECAL_TRY_ASSIGN(kernel->zeros, Buffer::Allocate(static_cast<size_t>(g.in_channels) * sizeof(float), "padding"));
  std::memset(kernel->zeros.data(), 0, kernel->zeros.size_bytes());
  return kernel;
}

}  // namespace decal
