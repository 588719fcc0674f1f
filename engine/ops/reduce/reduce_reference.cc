// The specification of Reduce: floats accumulate in double, integers wrap at 64 bits.
#include <algorithm>
#include <type_traits>

#include "engine/ops/reduce/reduce.h"
#include "engine/ops/reduce/reduce_axes.h"

namespace decal {
namespace {

template <class Wide>
Wide Join(ReduceKind kind, Wide a, Wide b) {
  switch (kind) {
    case ReduceKind::kSum:
    case ReduceKind::kMean:
      if constexpr (std::is_integral_v<Wide>)
        return static_cast<Wide>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
      else return a + b;
    case ReduceKind::kProd:
      if constexpr (std::is_integral_v<Wide>)
        return static_cast<Wide>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
      else return a * b;
    case ReduceKind::kMax: return std::max(a, b);
    case ReduceKind::kMin: return std::min(a, b);
  }
  return a;
}

template <class T>
void ReduceAll(const Reduce& op, const TensorView& x, const MutableTensorView& y, const AxisSet& reduced) {
  constexpr bool kFloat = std::is_same_v<T, float> || std::is_same_v<T, Half>;
  using Wide = std::conditional_t<kFloat, double, int64_t>;
  const Strides spread = SpreadStrides(y.strides, reduced, x.shape.rank(), op.keepdims);
  Shape kept = x.shape, gone = x.shape;
  for (size_t d = 0; d < x.shape.rank(); ++d) (reduced.in[d] ? kept : gone)[d] = 1;

  const auto load = [&x](int64_t offset) -> Wide {
    if constexpr (std::is_same_v<T, Half>) return static_cast<float>(x.as<T>()[offset]);
    else return static_cast<Wide>(x.as<T>()[offset]);
  };
  for (StridedIndex<2> i(kept, {spread, x.strides}); i.valid(); i.Next()) {
    Wide result = op.kind == ReduceKind::kProd ? 1 : 0;
    bool first = op.kind == ReduceKind::kMax || op.kind == ReduceKind::kMin;
    for (StridedIndex<1> r(gone, {x.strides}); r.valid(); r.Next()) {
      const Wide value = load(i.offset(1) + r.offset(0));
      result = first ? value : Join<Wide>(op.kind, result, value);
      first = false;
    }
    if (op.kind == ReduceKind::kMean) result /= static_cast<Wide>(gone.elements());
    if constexpr (std::is_same_v<T, Half>) y.as<T>()[i.offset(0)] = Half(static_cast<float>(result));
    else y.as<T>()[i.offset(0)] = static_cast<T>(result);
  }
}

}  // namespace

Status Reference(const Reduce& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  DECAL_TRY_ASSIGN(const AxisSet reduced, ReducedAxes(op, in[0], in.size() > 1 ? in[1] : TensorView{}));
  DispatchDType(in[0].dtype, [&]<class T> { ReduceAll<T>(op, in[0], out[0], reduced); });
  return {};
}

}  // namespace decal
