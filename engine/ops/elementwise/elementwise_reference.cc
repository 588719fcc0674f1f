// The specification of the elementwise operators, for every element type.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstring>

#include "engine/base/element.h"
#include "engine/ops/elementwise/elementwise.h"

namespace decal {
namespace {

// Calls `fn` with the type to compute in: one that holds every value of `dtype`.
template <class Fn>
decltype(auto) DispatchClass(DType dtype, Fn&& fn) {
  if (IsFloating(dtype)) return fn.template operator()<double>();
  if (IsSigned(dtype)) return fn.template operator()<int64_t>();
  return fn.template operator()<uint64_t>();
}

template <class V>
V Load(const TensorView& view, int64_t offset) {
  if constexpr (std::is_same_v<V, double>) return LoadNumber(view.dtype, view.data, offset);
  else return static_cast<V>(LoadInteger(view.dtype, view.data, offset));
}

template <class V>
void Store(const MutableTensorView& view, int64_t offset, V value) {
  if constexpr (std::is_same_v<V, double>) StoreNumber(view.dtype, view.data, offset, value);
  else StoreInteger(view.dtype, view.data, offset, static_cast<uint64_t>(value));  // wraps
}

template <class V>
V UnaryValue(const Unary& op, V x) {
  if constexpr (std::is_same_v<V, double>) {
    return ApplyActivation(op, x);
  } else {
    const V negative = static_cast<V>(uint64_t{0} - static_cast<uint64_t>(x));
    switch (op.kind) {
      case UnaryKind::kAbs: return x < V{0} ? negative : x;
      case UnaryKind::kNeg: return negative;
      case UnaryKind::kSign: return x < V{0} ? static_cast<V>(-1) : V{x != V{0}};
      case UnaryKind::kRelu: return x < V{0} ? V{0} : x;
      case UnaryKind::kNot: return V{x == V{0}};
      default: return x;  // refused by the shape rule
    }
  }
}

// Quotients truncate, remainders take the divisor's sign (kMod) or the dividend's (kFmod), all else wraps.
// The divisor is not 0.
template <class V>
V IntegerValue(BinaryKind kind, V a, V b) {
  const uint64_t ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  const bool minus_one = std::is_signed_v<V> && b == static_cast<V>(-1);  // INT64_MIN / -1 overflows
  switch (kind) {
    case BinaryKind::kAdd: return static_cast<V>(ua + ub);
    case BinaryKind::kSub: return static_cast<V>(ua - ub);
    case BinaryKind::kMul: return static_cast<V>(ua * ub);
    case BinaryKind::kDiv: return minus_one ? static_cast<V>(uint64_t{0} - ua) : a / b;
    case BinaryKind::kFmod: return minus_one ? V{0} : a % b;
    case BinaryKind::kMod: {
      const V remainder = minus_one ? V{0} : a % b;
      return remainder != 0 && (remainder < V{0}) != (b < V{0}) ? remainder + b : remainder;
    }
    case BinaryKind::kMin: return b < a ? b : a;
    case BinaryKind::kMax: return b > a ? b : a;
    case BinaryKind::kPRelu: return a < V{0} ? static_cast<V>(ua * ub) : a;
    default: return a;
  }
}

double FloatValue(BinaryKind kind, double a, double b) {
  switch (kind) {
    case BinaryKind::kAdd: return a + b;
    case BinaryKind::kSub: return a - b;
    case BinaryKind::kMul: return a * b;
    case BinaryKind::kDiv: return a / b;
    case BinaryKind::kMod:
    case BinaryKind::kFmod: return std::fmod(a, b);
    case BinaryKind::kMin: return a > b ? b : a;
    case BinaryKind::kMax: return a < b ? b : a;
    case BinaryKind::kPRelu: return a < 0 ? a * b : a;
    default: return a;
  }
}

template <class V>
V ArithmeticValue(BinaryKind kind, V a, V b) {
  if constexpr (std::is_same_v<V, double>) return FloatValue(kind, a, b);
  else return IntegerValue(kind, a, b);
}

template <class V>
bool Truth(BinaryKind kind, V a, V b) {
  switch (kind) {
    case BinaryKind::kEqual: return a == b;
    case BinaryKind::kLess: return a < b;
    case BinaryKind::kLessOrEqual: return a <= b;
    case BinaryKind::kGreater: return a > b;
    case BinaryKind::kGreaterOrEqual: return a >= b;
    case BinaryKind::kAnd: return a != V{0} && b != V{0};
    case BinaryKind::kOr: return a != V{0} || b != V{0};
    case BinaryKind::kXor: return (a != V{0}) != (b != V{0});
    default: return false;
  }
}

}  // namespace

Status Reference(const Unary& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  // The bounds of Clip are floats, and saturate where an integer type cannot hold them.
  const bool number = op.kind == UnaryKind::kClip && !IsFloating(in[0].dtype);
  StridedIndex<2> i(out[0].shape, {out[0].strides, in[0].strides});
  if (number) {
    for (; i.valid(); i.Next()) {
      const double x = Load<double>(in[0], i.offset(1)), clipped = UnaryValue<double>(op, x);
      // 64-bit integers beyond 2^53 stay as they are: only a bound goes through a double.
      if (clipped == x) Store<uint64_t>(out[0], i.offset(0), Load<uint64_t>(in[0], i.offset(1)));
      else Store<double>(out[0], i.offset(0), clipped);
    }
    return {};
  }
  DispatchClass(in[0].dtype, [&]<class V> {
    for (; i.valid(); i.Next()) Store<V>(out[0], i.offset(0), UnaryValue<V>(op, Load<V>(in[0], i.offset(1))));
  });
  return {};
}

Status Reference(const Binary& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView a = BroadcastTo(in[0], out[0].shape);
  const TensorView b = BroadcastTo(in[1], out[0].shape);
  StridedIndex<3> i(out[0].shape, {out[0].strides, a.strides, b.strides});
  if (op.kind == BinaryKind::kPow) {  // the exponent has a type of its own
    for (; i.valid(); i.Next())
      Store<double>(out[0], i.offset(0), std::pow(Load<double>(a, i.offset(1)), Load<double>(b, i.offset(2))));
    return {};
  }
  return DispatchClass(a.dtype, [&]<class V>() -> Status {
    if (op.kind >= BinaryKind::kEqual) {
      for (; i.valid(); i.Next())
        out[0].as<bool>()[i.offset(0)] = Truth<V>(op.kind, Load<V>(a, i.offset(1)), Load<V>(b, i.offset(2)));
      return {};
    }
    const bool divides = !std::is_same_v<V, double> &&
                         (op.kind == BinaryKind::kDiv || op.kind == BinaryKind::kMod || op.kind == BinaryKind::kFmod);
    for (; i.valid(); i.Next()) {
      const V y = Load<V>(b, i.offset(2));
      if (divides && y == V{0}) return Fail(ErrorCode::kCorruptModel, "integer division by zero");
      Store<V>(out[0], i.offset(0), ArithmeticValue<V>(op.kind, Load<V>(a, i.offset(1)), y));
    }
    return {};
  });
}

Status Reference(const Where&, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView condition = BroadcastTo(in[0], out[0].shape);
  const TensorView a = BroadcastTo(in[1], out[0].shape);
  const TensorView b = BroadcastTo(in[2], out[0].shape);
  const int64_t size = static_cast<int64_t>(SizeOf(out[0].dtype));
  for (StridedIndex<4> i(out[0].shape, {out[0].strides, condition.strides, a.strides, b.strides}); i.valid();
       i.Next()) {
    const char* from =
        condition.as<bool>()[i.offset(1)] ? a.as<char>() + i.offset(2) * size : b.as<char>() + i.offset(3) * size;
    std::memcpy(out[0].as<char>() + i.offset(0) * size, from, static_cast<size_t>(size));
  }
  return {};
}

Status Reference(const Cast& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const DType from = in[0].dtype, to = out[0].dtype;
  // Between integers bits wrap. From int64 to float32 the way over double would round twice.
  const bool numbers = IsFloating(from) || (IsFloating(to) && (to != DType::kFloat32 || from == DType::kUint64));
  for (StridedIndex<2> i(out[0].shape, {out[0].strides, in[0].strides}); i.valid(); i.Next()) {
    if (numbers) StoreNumber(to, out[0].data, i.offset(0), LoadNumber(from, in[0].data, i.offset(1)), op.rule);
    else StoreInteger(to, out[0].data, i.offset(0), LoadInteger(from, in[0].data, i.offset(1)));
  }
  return {};
}

}  // namespace decal
