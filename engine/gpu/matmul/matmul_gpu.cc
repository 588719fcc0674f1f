// WebGPU kernels of matrix products: the rows of A against packed constants or against any second factor.
// SPDX-License-Identifier: MIT
#include "engine/gpu/matmul/matmul_gpu.h"

#include <bit>
#include <utility>

#include "engine/base/loop_nest.h"
#include "engine/ops/matmul/matmul.h"
#include "engine/ops/matmul/matrix_rows.h"
#include "engine/gpu/templates/product.h"

namespace decal {
namespace {

constexpr std::string_view kGatherRows =
#include "engine/gpu/matmul/gather_rows.wgsl.inc"
    ;

Status RefuseProduct(const char* what) {
  return Fail(ErrorCode::kUnsupportedOperator, std::string("no WebGPU kernel for a matrix product ") + what);
}

// A product's matrices and where they lie.
struct GpuProduct {
  Matrices m;
  float alpha = 1, beta = 1;
  Epilogue epilogue;
  EpilogueInputs extra{Epilogue{}, 3};
  const GpuRequest& request;

  bool has_residual() const { return extra.residual != EpilogueInputs::kAbsent; }
};

RowStrides RowsOf(const int64_t (&strides)[3]) { return {strides[0], strides[1], strides[2], {}}; }

ProductSpec BaseSpec(const GpuProduct& p) {
  ProductSpec spec{.label = "matrix product", .gather = kGatherRows};
  spec.depth = p.m.depth();
  spec.columns = p.m.columns();
  return spec;
}

ProductOperands BaseOperands(const GpuProduct& p) {
  ProductOperands operands{.x = p.request.At(0), .y = p.request.out()};
  operands.bias = PackedChannels(p.request, 2, 1, p.m.columns(), p.beta);
  if (p.extra.slope != EpilogueInputs::kAbsent)
    operands.slope = PackedChannels(p.request, p.extra.slope, 1, p.m.columns());
  if (p.has_residual()) operands.residual = p.request.At(p.extra.residual);
  return operands;
}

ProductFactor PackMatrix(const GpuProduct& p) {
  constexpr int64_t kMatrix = 103;
  const int64_t depth = p.m.depth(), columns = p.m.columns(), padded = PaddedColumns(columns);
  const int64_t k_stride = p.m.b.strides[p.m.b.strides.rank() - 2], column_stride = p.m.b.strides.back();
  const float alpha = p.alpha;
  const int64_t id[] = {kMatrix, depth, columns, k_stride, column_stride, std::bit_cast<int32_t>(alpha)};
  ProductFactor factor;
  factor.k_stride = padded;
  factor.tensor = PackedWeight(p.request, p.request.inputs[1].constant, PackingId(id), depth * padded,
                               [=](std::span<const float> source, std::span<float> packed) {
                                 for (int64_t k = 0; k < depth; ++k)
                                   for (int64_t c = 0; c < columns; ++c)
                                     packed[static_cast<size_t>(k * padded + c)] =
                                         alpha * source[static_cast<size_t>(k * k_stride + c * column_stride)];
                               });
  return factor;
}

// B is one constant matrix: a convolution with one tap whose pixels are the rows of A.
Status AddConstant(const GpuProduct& p) {
  const std::optional<RowLoops> loops = CollapseRows(p.m, p.has_residual());
  if (!loops) return RefuseProduct("over so many strides");
  ProductSpec spec = BaseSpec(p);
  ProductOperands operands = BaseOperands(p);
  operands.b = PackMatrix(p);
  // The longest loop as rows y, which can be cut into bands.
  const bool one_loop = loops->extent[0] == 1 && loops->extent[1] == 1;
  const auto as_rows = [&](const int64_t (&s)[3]) { return one_loop ? RowStrides{0, s[2], 0, {}} : RowsOf(s); };
  spec.rows_n = loops->extent[0];
  spec.rows_y = one_loop ? loops->extent[2] : loops->extent[1];
  spec.rows_x = one_loop ? 1 : loops->extent[2];
  spec.in = as_rows(loops->a);
  spec.out = as_rows(loops->out);
  spec.residual = as_rows(loops->residual);
  if (spec.rows_n == 1) {
    // Operands as [rows y, rows x, columns], of which bands take some y.
    const auto as_tensor = [&](gpu::Tensor& tensor, const RowStrides& rows, int64_t width) {
      tensor.shape = {spec.rows_y, spec.rows_x, width};
      tensor.strides = {rows.y, rows.x, 1};
    };
    as_tensor(operands.x, spec.in, spec.depth);
    as_tensor(operands.y, spec.out, spec.columns);
    if (operands.residual) as_tensor(*operands.residual, spec.residual, spec.columns);
    spec.row_dimension = 0;
  }
  p.request.builder.Algorithm("GEMM");
  return AddProduct(p.request, spec, operands, p.epilogue);
}

// Both factors are computed: an element of the batch is a part of the grid.
Status AddBatched(const GpuProduct& p) {
  if (p.alpha != 1) return RefuseProduct("of scaled tensors");
  const Shape batch = BatchOf(p.m.out.shape);
  const TensorView& residual = p.has_residual() ? p.m.residual : p.m.out;
  const LoopNest<4> nest = Coalesce<4>(batch, {BatchStrides(p.m.out, batch), BatchStrides(p.m.a, batch),
                                               BatchStrides(p.m.b, batch), BatchStrides(residual, batch)});
  const size_t rank = nest.extents.rank();
  if (rank > 3) return RefuseProduct("of so many batch dimensions");
  ProductSpec spec = BaseSpec(p);
  ProductOperands operands = BaseOperands(p);
  operands.b.tensor = p.request.At(1);
  operands.b.packed = false;
  operands.b.k_stride = p.m.b.strides[p.m.b.strides.rank() - 2];
  operands.b.column_stride = p.m.b.strides.back();
  const bool single = batch.elements() == 1;
  for (size_t i = 0; i < rank && !single; ++i) {
    const size_t at = 3 - rank + i;
    spec.parts[at] = nest.extents[i];
    spec.out.part[at] = nest.strides[0][i];
    spec.in.part[at] = nest.strides[1][i];
    operands.b.part[at] = nest.strides[2][i];
    spec.residual.part[at] = nest.strides[3][i];
  }
  const auto row_stride = [](const TensorView& view) { return view.strides[view.strides.rank() - 2]; };
  spec.rows_x = p.m.rows();
  spec.in.x = row_stride(p.m.a);
  spec.out.x = row_stride(p.m.out);
  spec.residual.x = row_stride(residual);
  p.request.builder.Algorithm("GEMM of two tensors");
  return AddProduct(p.request, spec, operands, p.epilogue);
}

Status AddAny(const GpuProduct& p) {
  if (!UnitColumns(p.m.a) || !UnitColumns(p.m.out) || (p.has_residual() && !UnitColumns(p.m.residual)))
    return RefuseProduct("of rows that are not contiguous");
  for (const size_t i : {size_t{2}, p.extra.slope})
    if (p.request.has(i) && !p.request.is_constant(i)) return RefuseProduct("with a computed bias");
  if (p.request.is_constant(1) && p.m.b.shape.elements() == p.m.depth() * p.m.columns()) return AddConstant(p);
  return AddBatched(p);
}

}  // namespace

Status MakeGpuKernel(const MatMul& op, const GpuRequest& request) {
  const TensorView a = ViewOf(request.inputs[0]), b = ViewOf(request.inputs[1]);
  GpuProduct p{.m = {AsLeftMatrix(a), AsRightMatrix(b), AsProductMatrix(ViewOf(request.outputs[0]), a, b), {}},
               .epilogue = op.epilogue,
               .extra = EpilogueInputs(op.epilogue, 3),
               .request = request};
  if (p.has_residual()) p.m.residual = AsProductMatrix(ViewOf(request.inputs[p.extra.residual]), a, b);
  return AddAny(p);
}

Status MakeGpuKernel(const Gemm& op, const GpuRequest& request) {
  const auto transposed = [](TensorView view, bool transpose) {
    if (transpose) std::swap(view.shape[0], view.shape[1]), std::swap(view.strides[0], view.strides[1]);
    return view;
  };
  if (request.has(2)) {  // only a row vector can be a bias
    const Shape& c = request.inputs[2].tensor.shape;
    if (c.elements() != request.out().shape[1] || c.back() != request.out().shape[1])
      return RefuseProduct("with a matrix to add");
  }
  return AddAny({.m = {transposed(ViewOf(request.inputs[0]), op.trans_a),
                       transposed(ViewOf(request.inputs[1]), op.trans_b),
                       ViewOf(request.outputs[0]),
                       {}},
                 .alpha = op.alpha,
                 .beta = op.beta,
                 .request = request});
}

}  // namespace decal
