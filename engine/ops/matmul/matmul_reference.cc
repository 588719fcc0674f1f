// Matrix products by definition: scalar loops over any strides, sums in double.
// SPDX-License-Identifier: MIT
#include "engine/ops/epilogue.h"
#include "engine/ops/matmul/matmul.h"
#include "engine/ops/matmul/matrix_rows.h"
#include "engine/ops/matmul/matrix_view.h"

namespace decal {
namespace {

// Element n of a vector with one element per column, whatever its rank; 0 if absent.
float ColumnOf(const TensorView& vector, int64_t n) {
  if (!vector.present()) return 0;
  for (size_t d = 0; d < vector.shape.rank(); ++d)
    if (vector.shape[d] != 1) return vector.as<float>()[n * vector.strides[d]];
  return vector.as<float>()[0];
}

}  // namespace

Status Reference(const MatMul& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView a = AsLeftMatrix(in[0]), b = AsRightMatrix(in[1]);
  const TensorView y = AsProductMatrix(out[0], in[0], in[1]);
  const EpilogueInputs extra(op.epilogue, 3);
  const TensorView bias = Optional(in, 2), slope = Optional(in, extra.slope);
  TensorView residual = Optional(in, extra.residual);
  if (residual.present()) residual = AsProductMatrix(residual, in[0], in[1]);

  const size_t row = y.shape.rank() - 2, column = row + 1;
  const int64_t rows = y.shape[row], columns = y.shape[column], depth = a.shape.back();
  const auto last = [](const TensorView& v, size_t from_end) { return v.strides[v.strides.rank() - from_end]; };
  const Shape batch = BatchOf(y.shape);
  const Strides residual_batch =
      residual.present() ? BatchOf(residual.strides) : Strides(Dims::Filled(batch.rank(), 0));
  StridedIndex<4> i(batch, {BatchStrides(a, batch), BatchStrides(b, batch), BatchOf(y.strides), residual_batch});
  for (; i.valid(); i.Next()) {
    for (int64_t m = 0; m < rows; ++m) {
      for (int64_t n = 0; n < columns; ++n) {
        double sum = 0;
        for (int64_t k = 0; k < depth; ++k)
          sum += double{a.as<float>()[i.offset(0) + m * last(a, 2) + k * last(a, 1)]} *
                 double{b.as<float>()[i.offset(1) + k * last(b, 2) + n * last(b, 1)]};
        const float r =
            residual.present()
                ? residual.as<float>()[i.offset(3) + m * residual.strides[row] + n * residual.strides[column]]
                : 0.0f;
        out[0].as<float>()[i.offset(2) + m * y.strides[row] + n * y.strides[column]] =
            ApplyEpilogue(op.epilogue, sum, ColumnOf(bias, n), ColumnOf(slope, n), r);
      }
    }
  }
  return {};
}

Status Reference(const Gemm& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView &a = in[0], &b = in[1];
  const Strides &as = a.strides, &bs = b.strides, &ys = out[0].strides;
  const int64_t rows = out[0].shape[0], columns = out[0].shape[1], depth = a.shape[op.trans_a ? 0 : 1];
  const bool has_c = in.size() > 2 && in[2].present();
  const TensorView c = has_c ? BroadcastTo(in[2], out[0].shape) : TensorView{};
  for (int64_t m = 0; m < rows; ++m) {
    for (int64_t n = 0; n < columns; ++n) {
      double sum = 0;
      for (int64_t k = 0; k < depth; ++k)
        sum += double{a.as<float>()[op.trans_a ? k * as[0] + m * as[1] : m * as[0] + k * as[1]]} *
               double{b.as<float>()[op.trans_b ? n * bs[0] + k * bs[1] : k * bs[0] + n * bs[1]]};
      sum *= double{op.alpha};
      if (has_c) sum += double{op.beta} * double{c.as<float>()[m * c.strides[0] + n * c.strides[1]]};
      out[0].as<float>()[m * ys[0] + n * ys[1]] = static_cast<float>(sum);
    }
  }
  return {};
}

}  // namespace decal
