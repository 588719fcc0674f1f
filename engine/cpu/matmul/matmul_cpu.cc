// CPU kernels of matrix products: packed constant weights, or a second factor packed panel by panel in each run.
// SPDX-License-Identifier: MIT
#include "engine/cpu/matmul/matmul_cpu.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/rounding.h"
#include "engine/cpu/indirect_conv_kernel.h"
#include "engine/ops/matmul/matrix_rows.h"

namespace decal {
namespace {

// MACs of one task (about 20 microseconds): small matrix products are done several at a time.
constexpr uint64_t kMatMulTask = 1 << 20;

// C = A B for each element of a batch, both factors read in Run.
class ProductKernel final : public CpuKernel {
 public:
  struct BatchOffsets {
    int64_t a, b, out, residual;
  };
  cpu::ProductShape shape;
  cpu::TileShape tile;
  cpu::Epilogue epilogue;
  std::vector<BatchOffsets> batch;
  PackedOperands operands;  // no weights: both factors are read in Run

  void Run(std::span<const TensorView> in, std::span<const MutableTensorView> out,
           const CpuContext& context) const override {
    const size_t panels = CeilDiv(shape.columns, tile.width);
    const size_t cells = batch.size() * panels;
    const uint64_t cell_work = std::max<uint64_t>(1, uint64_t{shape.rows} * shape.depth * tile.width);
    const size_t task_cells = static_cast<size_t>(std::max<uint64_t>(1, kMatMulTask / cell_work));
    ParallelFor(context.runner, CeilDiv(cells, task_cells), [&](size_t task, size_t thread) {
      const size_t end = std::min(cells, (task + 1) * task_cells);
      for (size_t cell = task * task_cells; cell < end; ++cell) {
        const BatchOffsets& offsets = batch[cell / panels];
        cpu::IndirectConvBuffers buffers = operands.Bind(in, out);
        buffers.in += offsets.a;
        if (buffers.residual != nullptr) buffers.residual += offsets.residual;
        buffers.out += offsets.out;
        cpu::RunProductPanel(shape, epilogue, buffers, in[1].as<float>() + offsets.b, cell % panels,
                             context.scratch_of(thread));
      }
    });
  }
  size_t scratch_bytes_per_thread() const override { return cpu::ProductScratchBytes(shape, tile); }
  bool reads_input(size_t i) const override { return i == 1 || operands.reads_input(i); }
  const char* algorithm() const override { return "GEMM, packed while running"; }
  uint64_t multiply_adds() const override { return uint64_t{batch.size()} * shape.rows * shape.depth * shape.columns; }
};

bool Fits(const Matrices& m, bool has_residual) {
  for (const TensorView* view : {&m.a, &m.b, &m.out})
    if (view->dtype != DType::kFloat32 || view->shape.elements() == 0) return false;
  return UnitColumns(m.a) && UnitColumns(m.out) && (!has_residual || UnitColumns(m.residual));
}

cpu::PixelStrides ToPixelStrides(const int64_t (&s)[3]) {
  return {static_cast<ptrdiff_t>(s[0]), static_cast<ptrdiff_t>(s[1]), static_cast<ptrdiff_t>(s[2])};
}

// B is one constant matrix: a convolution with one tap whose pixels are the rows of A.
KernelResult MakeConstantKernel(const Matrices& m, const Epilogue& epilogue, const EpilogueInputs& extra, float alpha,
                                float beta, const KernelRequest& request) {
  const std::optional<RowLoops> loops = CollapseRows(m, extra.residual != EpilogueInputs::kAbsent);
  if (!loops) return nullptr;
  IndirectConvSpec spec{.bias_scale = beta, .extra = extra, .algorithm = "GEMM"};
  spec.shape.batch = static_cast<size_t>(loops->extent[0]);
  spec.shape.in_height = static_cast<size_t>(loops->extent[1]);
  spec.shape.in_width = static_cast<size_t>(loops->extent[2]);
  spec.shape.depth = static_cast<size_t>(m.depth());
  spec.shape.columns = static_cast<size_t>(m.columns());
  spec.shape.in = ToPixelStrides(loops->a);
  spec.shape.out = ToPixelStrides(loops->out);
  spec.shape.residual = ToPixelStrides(loops->residual);
  spec.shape.taps = {{0, 0}};
  spec.shape.phases = {{.height = spec.shape.in_height, .width = spec.shape.in_width, .taps = 1}};
  spec.order.tap_offsets = {0};
  spec.order.depth_stride = static_cast<ptrdiff_t>(m.b.strides[m.b.strides.rank() - 2]);
  spec.order.column_stride = static_cast<ptrdiff_t>(m.b.strides.back());
  spec.order.scale = alpha;
  return MakeIndirectConvKernel(spec, epilogue, request);
}

KernelResult MakeProductKernel(const Matrices& m, const Epilogue& epilogue, const EpilogueInputs& extra,
                               const KernelRequest& request) {
  auto kernel = std::make_unique<ProductKernel>();
  cpu::ProductShape& shape = kernel->shape;
  const auto matrix_strides = [](const TensorView& v) {
    return cpu::MatrixStrides{static_cast<ptrdiff_t>(v.strides[v.strides.rank() - 2]),
                              static_cast<ptrdiff_t>(v.strides.back())};
  };
  shape.rows = static_cast<size_t>(m.rows());
  shape.depth = static_cast<size_t>(m.depth());
  shape.columns = static_cast<size_t>(m.columns());
  shape.a = matrix_strides(m.a);
  shape.b = matrix_strides(m.b);
  shape.out_row = matrix_strides(m.out).row;
  const bool has_residual = extra.residual != EpilogueInputs::kAbsent;
  if (has_residual) shape.residual_row = matrix_strides(m.residual).row;

  const Shape batch = BatchOf(m.out.shape);
  StridedIndex<4> i(batch, {BatchStrides(m.a, batch), BatchStrides(m.b, batch), BatchStrides(m.out, batch),
                            BatchStrides(has_residual ? m.residual : m.out, batch)});
  for (; i.valid(); i.Next()) kernel->batch.push_back({i.offset(0), i.offset(1), i.offset(2), i.offset(3)});

  kernel->tile = cpu::IndirectConvTileShape();
  kernel->epilogue = ToCpuEpilogue(epilogue);
  kernel->operands.residual = extra.residual;
  cpu::IndirectConvShape columns;
  columns.columns = shape.columns;
  DECAL_TRY_ASSIGN(kernel->operands.bias, PackColumns(request, 2, columns, kernel->tile));
  DECAL_TRY_ASSIGN(kernel->operands.slopes, PackColumns(request, extra.slope, columns, kernel->tile));
  return kernel;
}

bool ConstantOrAbsent(const KernelRequest& request, size_t i) { return !request.has(i) || IsConstantFloat(request, i); }

}  // namespace

KernelResult MakeCpuKernel(const MatMul& op, const KernelRequest& request) {
  const EpilogueInputs extra(op.epilogue, 3);
  const TensorView &a = request.inputs[0].view, &b = request.inputs[1].view;
  Matrices m{AsLeftMatrix(a), AsRightMatrix(b), AsProductMatrix(request.outputs[0].view, a, b), {}};
  const bool has_residual = extra.residual != EpilogueInputs::kAbsent;
  if (has_residual) m.residual = AsProductMatrix(request.inputs[extra.residual].view, a, b);
  if (!Fits(m, has_residual)) return nullptr;
  if (!ConstantOrAbsent(request, 2) || !ConstantOrAbsent(request, extra.slope)) return nullptr;
  if (IsConstantFloat(request, 1) && m.b.shape.elements() == m.depth() * m.columns())
    return MakeConstantKernel(m, op.epilogue, extra, 1, 1, request);
  return MakeProductKernel(m, op.epilogue, extra, request);
}

KernelResult MakeCpuKernel(const Gemm& op, const KernelRequest& request) {
  const auto transposed = [](TensorView view, bool transpose) {
    if (transpose) std::swap(view.shape[0], view.shape[1]), std::swap(view.strides[0], view.strides[1]);
    return view;
  };
  const Matrices m{transposed(request.inputs[0].view, op.trans_a),
                   transposed(request.inputs[1].view, op.trans_b),
                   request.outputs[0].view,
                   {}};
  if (!Fits(m, false)) return nullptr;
  const EpilogueInputs extra(Epilogue{}, 3);
  if (request.has(2)) {  // only a row vector can be a bias
    const Shape& c = request.inputs[2].view.shape;
    if (!IsConstantFloat(request, 2) || c.elements() != m.columns() || c.back() != m.columns()) return nullptr;
  }
  if (IsConstantFloat(request, 1)) return MakeConstantKernel(m, Epilogue{}, extra, op.alpha, op.beta, request);
  if (op.alpha != 1 || (request.has(2) && op.beta != 1)) return nullptr;
  return MakeProductKernel(m, Epilogue{}, extra, request);
}

}  // namespace decal
