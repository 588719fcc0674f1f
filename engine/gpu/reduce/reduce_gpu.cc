// The WebGPU kernel of Reduce: a few expressions for each kind.
// SPDX-License-Identifier: MIT
#include "engine/gpu/reduce/reduce_gpu.h"

#include <limits>

#include "engine/ops/reduce/reduce.h"
#include "engine/ops/reduce/reduce_axes.h"
#include "engine/gpu/templates/reduction.h"

namespace decal {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Fold FoldOf(ReduceKind kind, int64_t count) {
  switch (kind) {
    case ReduceKind::kMean: return {.last = "v * u.factor", .factor = 1.0f / static_cast<float>(count)};
    case ReduceKind::kMax: return {.joined = "max(a, b)", .start = -kInfinity};
    case ReduceKind::kMin: return {.joined = "min(a, b)", .start = kInfinity};
    case ReduceKind::kProd: return {.joined = "a * b", .start = 1};
    case ReduceKind::kL1: return {.each = "abs(v)"};
    case ReduceKind::kL2: return {.each = "v * v", .last = "sqrt(v)"};
    case ReduceKind::kSumSquare: return {.each = "v * v"};
    case ReduceKind::kLogSum: return {.last = "log(v)"};
    default: return {};
  }
}

}  // namespace

Status MakeGpuKernel(const Reduce& op, const GpuRequest& request) {
  if (request.has(1) && !request.is_constant(1))
    return Fail(ErrorCode::kUnsupportedOperator, "no WebGPU kernel for reductions whose axes are computed");
  const TensorView x = ViewOf(request.inputs[0]);
  DECAL_TRY_ASSIGN(const AxisSet reduced,
                   ReducedAxes(op, x, request.has(1) ? ViewOf(request.inputs[1]) : TensorView{}));
  ReductionOperands operands{.x = request.At(0), .y = request.out()};
  if (operands.y.shape.elements() == 0) return {};
  if (x.shape.elements() == 0)
    return Fail(ErrorCode::kUnsupportedOperator, "no WebGPU kernel for reductions of nothing");
  operands.y.strides = SpreadStrides(request.out().strides, reduced, x.shape.rank(), op.keepdims);
  operands.y.shape = x.shape;
  int64_t count = 1;
  for (size_t d = 0; d < x.shape.rank(); ++d) count *= reduced.in[d] ? x.shape[d] : 1;

  request.builder.Algorithm("reduction");
  if (op.kind != ReduceKind::kLogSumExp)
    return AddReduction(request.builder, FoldReduction("reduce", FoldOf(op.kind, count)), operands, reduced);
  Reduction exponentials = SumOfExponentials("reduce");
  exponentials.result =
      "fn emit(item: i32, split: i32, at: vec4i, n: i32) {\n"
      "  y_set4(at.y, log(carried[1][0]) + carried[0][0], n);\n}\n";
  return AddReduction(request.builder, exponentials, operands, reduced);
}

}  // namespace decal
