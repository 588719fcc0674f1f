// Output type of Reduce.
// SPDX-License-Identifier: MIT
#include "engine/ops/reduce/reduce.h"
#include "engine/ops/reduce/reduce_axes.h"

namespace decal {

Result<AxisSet> ReducedAxes(const Reduce& op, const Dims& axes, size_t rank) {
  if (axes.empty()) return op.noop_with_empty_axes ? AxisSet{} : AxesFrom(0, rank);
  AxisSet set;
  for (int64_t axis : axes) {
    DECAL_TRY_ASSIGN(const size_t d, NormalizeAxis(axis, rank));
    if (d < rank) set.in[d] = true;
  }
  return set;
}

Result<AxisSet> ReducedAxes(const Reduce& op, const TensorView& x, const TensorView& axes) {
  if (!axes.present()) return ReducedAxes(op, op.axes, x.shape.rank());
  if (axes.shape.elements() > static_cast<int64_t>(kMaxRank))
    return Fail(ErrorCode::kShapeMismatch, "Reduce: axes of shape " + axes.shape.ToString());
  Dims values;
  for (StridedIndex<1> i(axes.shape, {axes.strides}); i.valid(); i.Next())
    values.push_back(axes.dtype == DType::kInt64 ? axes.as<int64_t>()[i.offset(0)] : axes.as<int32_t>()[i.offset(0)]);
  return ReducedAxes(op, values, x.shape.rank());
}

Strides SpreadStrides(const Strides& output, const AxisSet& reduced, size_t rank, bool keepdims) {
  Strides spread;
  size_t next = 0;
  for (size_t d = 0; d < rank; ++d) {
    spread.push_back(reduced.in[d] ? 0 : output[next]);
    if (!reduced.in[d] || keepdims) ++next;
  }
  return spread;
}

InferResult Infer(const Reduce& op, const InferContext& context) {
  DECAL_TRY(RequireInputs(context, 1, "Reduce"));
  const InferInput& x = context[0];
  const bool extreme = op.kind == ReduceKind::kMax || op.kind == ReduceKind::kMin;
  const bool number = IsInteger(x.dtype) || IsFloat(x.dtype);
  if (!number && !(x.dtype == DType::kBool && extreme))
    return Fail(ErrorCode::kUnsupportedOperator, std::string("Reduce of ") + Name(x.dtype));
  Dims axes = op.axes;
  if (context.has(1)) {
    DECAL_TRY_ASSIGN(axes, context.Integers(1, "axes"));
  }
  DECAL_TRY_ASSIGN(const AxisSet reduced, ReducedAxes(op, axes, x.shape.rank()));
  Shape shape;
  for (size_t d = 0; d < x.shape.rank(); ++d) {
    if (!reduced.in[d]) shape.push_back(x.shape[d]);
    else if (op.keepdims) shape.push_back(1);
    // Every other kind has a neutral element; there is no mean of nothing.
    if (reduced.in[d] && x.shape[d] == 0 && op.kind == ReduceKind::kMean)
      return Fail(ErrorCode::kShapeMismatch, "Reduce of an empty " + x.shape.ToString());
  }
  return std::vector<TensorType>{{x.dtype, shape}};
}

const char* Name(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::kSum: return "ReduceSum";
    case ReduceKind::kMean: return "ReduceMean";
    case ReduceKind::kMax: return "ReduceMax";
    case ReduceKind::kMin: return "ReduceMin";
    case ReduceKind::kProd: return "ReduceProd";
    case ReduceKind::kL1: return "ReduceL1";
    case ReduceKind::kL2: return "ReduceL2";
    case ReduceKind::kSumSquare: return "ReduceSumSquare";
    case ReduceKind::kLogSum: return "ReduceLogSum";
    case ReduceKind::kLogSumExp: return "ReduceLogSumExp";
  }
  return "Reduce";
}

}  // namespace decal
