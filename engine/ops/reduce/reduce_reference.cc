// The specification of Reduce: floats accumulate in double, integers wrap at 64 bits.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "engine/base/element.h"
#include "engine/ops/reduce/reduce.h"
#include "engine/ops/reduce/reduce_axes.h"

namespace decal {
namespace {

template <class Wide>
Wide Sum(Wide a, Wide b) {
  if constexpr (std::is_integral_v<Wide>) return static_cast<Wide>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else return a + b;
}

template <class Wide>
Wide Product(Wide a, Wide b) {
  if constexpr (std::is_integral_v<Wide>) return static_cast<Wide>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else return a * b;
}

template <class Wide>
Wide Join(ReduceKind kind, Wide a, Wide b) {
  switch (kind) {
    case ReduceKind::kProd: return Product(a, b);
    case ReduceKind::kMax: return std::max(a, b);
    case ReduceKind::kMin: return std::min(a, b);
    case ReduceKind::kL1: return Sum(a, b < Wide{0} ? Product(b, static_cast<Wide>(-1)) : b);
    case ReduceKind::kL2:
    case ReduceKind::kSumSquare: return Sum(a, Product(b, b));
    default: return Sum(a, b);
  }
}

// What a reduction starts from.
template <class Wide>
Wide Neutral(ReduceKind kind) {
  using Limits = std::numeric_limits<Wide>;
  constexpr bool kInteger = std::is_integral_v<Wide>;
  switch (kind) {
    case ReduceKind::kProd: return 1;
    case ReduceKind::kMax: return kInteger ? Limits::lowest() : static_cast<Wide>(-HUGE_VAL);
    case ReduceKind::kMin: return kInteger ? Limits::max() : static_cast<Wide>(HUGE_VAL);
    default: return 0;
  }
}

// Kinds whose result is no integer even for integers.
bool IsReal(ReduceKind kind) {
  return kind == ReduceKind::kL2 || kind == ReduceKind::kLogSum || kind == ReduceKind::kLogSumExp;
}

template <class Wide>
Wide LoadWide(const TensorView& x, int64_t offset) {
  if constexpr (std::is_same_v<Wide, double>) return LoadNumber(x.dtype, x.data, offset);
  else return static_cast<Wide>(LoadInteger(x.dtype, x.data, offset));
}

template <class Wide>
void ReduceAll(const Reduce& op, const TensorView& x, const MutableTensorView& y, const AxisSet& reduced) {
  const Strides spread = SpreadStrides(y.strides, reduced, x.shape.rank(), op.keepdims);
  Shape kept = x.shape, gone = x.shape;
  for (size_t d = 0; d < x.shape.rank(); ++d) (reduced.in[d] ? kept : gone)[d] = 1;
  const bool extreme = op.kind == ReduceKind::kMax || op.kind == ReduceKind::kMin;
  const auto join_all = [&](ReduceKind kind, int64_t start) {
    Wide result = Neutral<Wide>(kind);
    for (StridedIndex<1> r(gone, {x.strides}); r.valid(); r.Next())
      result = Join<Wide>(kind, result, LoadWide<Wide>(x, start + r.offset(0)));
    return result;
  };
  for (StridedIndex<2> i(kept, {spread, x.strides}); i.valid(); i.Next()) {
    if constexpr (std::is_same_v<Wide, double>) {
      double result = 0;
      if (op.kind == ReduceKind::kLogSumExp) {
        // exp of the distance to the maximum cannot overflow.
        const double top = join_all(ReduceKind::kMax, i.offset(1)), shift = std::isinf(top) ? 0.0 : top;
        double sum = 0;
        for (StridedIndex<1> r(gone, {x.strides}); r.valid(); r.Next())
          sum += std::exp(LoadWide<double>(x, i.offset(1) + r.offset(0)) - shift);
        result = std::log(sum) + shift;
      } else {
        result = join_all(op.kind, i.offset(1));
        if (op.kind == ReduceKind::kL2) result = std::sqrt(result);
        if (op.kind == ReduceKind::kLogSum) result = std::log(result);
        if (op.kind == ReduceKind::kMean) result /= static_cast<double>(gone.elements());
      }
      StoreNumber(y.dtype, y.data, i.offset(0), result);
    } else if (extreme && gone.elements() == 0) {  // the end of the element's own range
      StoreNumber(y.dtype, y.data, i.offset(0), op.kind == ReduceKind::kMax ? -HUGE_VAL : HUGE_VAL);
    } else {
      Wide result = join_all(op.kind, i.offset(1));
      if (op.kind == ReduceKind::kMean) result /= static_cast<Wide>(gone.elements());
      StoreInteger(y.dtype, y.data, i.offset(0), static_cast<uint64_t>(result));
    }
  }
}

}  // namespace

Status Reference(const Reduce& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  DECAL_TRY_ASSIGN(const AxisSet reduced, ReducedAxes(op, in[0], in.size() > 1 ? in[1] : TensorView{}));
  const DType dtype = in[0].dtype;
  if (IsFloating(dtype) || IsReal(op.kind)) ReduceAll<double>(op, in[0], out[0], reduced);
  else if (IsSigned(dtype)) ReduceAll<int64_t>(op, in[0], out[0], reduced);
  else ReduceAll<uint64_t>(op, in[0], out[0], reduced);
  return {};
}

}  // namespace decal
