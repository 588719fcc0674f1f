// The specification of Reduce: floats accumulate in double, integers wrap at 64 bits.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

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

// What a reduction of nothing gives.
template <class T, class Wide>
Wide Neutral(ReduceKind kind) {
  using Limits = std::numeric_limits<T>;
  constexpr bool kInteger = std::is_integral_v<T>;
  switch (kind) {
    case ReduceKind::kProd: return 1;
    case ReduceKind::kMax: return kInteger ? static_cast<Wide>(Limits::lowest()) : static_cast<Wide>(-HUGE_VAL);
    case ReduceKind::kMin: return kInteger ? static_cast<Wide>(Limits::max()) : static_cast<Wide>(HUGE_VAL);
    default: return 0;
  }
}

// Kinds whose result is no integer even for integers.
bool IsReal(ReduceKind kind) {
  return kind == ReduceKind::kL2 || kind == ReduceKind::kLogSum || kind == ReduceKind::kLogSumExp;
}

template <class T, class Wide>
void ReduceAll(const Reduce& op, const TensorView& x, const MutableTensorView& y, const AxisSet& reduced) {
  const Strides spread = SpreadStrides(y.strides, reduced, x.shape.rank(), op.keepdims);
  Shape kept = x.shape, gone = x.shape;
  for (size_t d = 0; d < x.shape.rank(); ++d) (reduced.in[d] ? kept : gone)[d] = 1;
  const auto join_all = [&](ReduceKind kind, int64_t start) {
    Wide result = Neutral<T, Wide>(kind);
    for (StridedIndex<1> r(gone, {x.strides}); r.valid(); r.Next())
      result = Join<Wide>(kind, result, static_cast<Wide>(x.as<T>()[start + r.offset(0)]));
    return result;
  };
  for (StridedIndex<2> i(kept, {spread, x.strides}); i.valid(); i.Next()) {
    Wide result = 0;
    if constexpr (std::is_same_v<Wide, double>) {
      if (op.kind == ReduceKind::kLogSumExp) {
        // exp of the distance to the maximum cannot overflow.
        const double top = join_all(ReduceKind::kMax, i.offset(1));
        double sum = 0;
        for (StridedIndex<1> r(gone, {x.strides}); r.valid(); r.Next())
          sum += std::exp(static_cast<double>(x.as<T>()[i.offset(1) + r.offset(0)]) - (std::isinf(top) ? 0.0 : top));
        result = std::log(sum) + (std::isinf(top) ? 0.0 : top);
      } else {
        result = join_all(op.kind, i.offset(1));
        if (op.kind == ReduceKind::kL2) result = std::sqrt(result);
        if (op.kind == ReduceKind::kLogSum) result = std::log(result);
      }
    } else {
      result = join_all(op.kind, i.offset(1));
    }
    if (op.kind == ReduceKind::kMean) result /= static_cast<Wide>(gone.elements());
    y.as<T>()[i.offset(0)] = static_cast<T>(result);
  }
}

}  // namespace

Status Reference(const Reduce& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  DECAL_TRY_ASSIGN(const AxisSet reduced, ReducedAxes(op, in[0], in.size() > 1 ? in[1] : TensorView{}));
  DispatchDType(in[0].dtype, [&]<class T> {
    if constexpr (std::is_integral_v<T>) {
      using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
      if (!IsReal(op.kind)) return ReduceAll<T, Wide>(op, in[0], out[0], reduced);
    }
    ReduceAll<T, double>(op, in[0], out[0], reduced);
  });
  return {};
}

}  // namespace decal
