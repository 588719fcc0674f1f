// The specification of the elementwise operators, for every element type.
#include <cmath>
#include <limits>
#include <type_traits>

#include "engine/ops/activation.h"
#include "engine/ops/elementwise/elementwise.h"

namespace decal {
namespace {

template <class T>
inline constexpr bool kIsFloat = std::is_same_v<T, float> || std::is_same_v<T, Half>;

// ONNX leaves out-of-range values open: here they saturate, and NaN becomes 0.
template <class To>
To Saturate(double value) {
  using Limits = std::numeric_limits<To>;
  if (std::isnan(value)) return 0;
  if (value <= static_cast<double>(Limits::min())) return Limits::min();
  if (value >= static_cast<double>(Limits::max())) return Limits::max();
  return static_cast<To>(value);
}

template <class To, class From>
To Convert(From value) {
  if constexpr (std::is_same_v<To, From>) return value;
  else if constexpr (std::is_same_v<To, bool>) return static_cast<float>(value) != 0.0f;
  else if constexpr (std::is_same_v<To, Half>) return Half(static_cast<float>(value));
  else if constexpr (std::is_same_v<To, float>) return static_cast<float>(value);
  else if constexpr (kIsFloat<From>) return Saturate<To>(static_cast<float>(value));
  else return static_cast<To>(value);  // integers wrap
}

template <class T>
T UnaryValue(const Unary& op, T x) {
  if constexpr (std::is_same_v<T, float>) {
    return cpu::ApplyActivation(ToActivation(op), x);
  } else if constexpr (std::is_same_v<T, Half>) {
    return Half(UnaryValue<float>(op, x));
  } else if constexpr (std::is_same_v<T, bool>) {
    return op.kind == UnaryKind::kNot ? !x : x;
  } else {
    const T negative = static_cast<T>(uint64_t{0} - static_cast<uint64_t>(x));  // wraps
    switch (op.kind) {
      case UnaryKind::kAbs: return x < 0 ? negative : x;
      case UnaryKind::kNeg: return negative;
      case UnaryKind::kRelu: return x < 0 ? T{0} : x;
      case UnaryKind::kClip: {
        const T raised = static_cast<double>(x) < op.alpha ? Saturate<T>(op.alpha) : x;
        return static_cast<double>(raised) > op.beta ? Saturate<T>(op.beta) : raised;
      }
      default: return x;  // refused by the shape rule
    }
  }
}

// Integers: quotients truncate, remainders take the divisor's sign (fmod = 0), all else wraps. The divisor
// is not 0.
template <class T>
T IntegerValue(BinaryKind kind, T a, T b) {
  const uint64_t ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  const int64_t x = static_cast<int64_t>(a), y = static_cast<int64_t>(b);
  switch (kind) {
    case BinaryKind::kAdd: return static_cast<T>(ua + ub);
    case BinaryKind::kSub: return static_cast<T>(ua - ub);
    case BinaryKind::kMul: return static_cast<T>(ua * ub);
    case BinaryKind::kDiv: return static_cast<T>(y == -1 ? uint64_t{0} - ua : static_cast<uint64_t>(x / y));
    case BinaryKind::kMod: {
      const int64_t remainder = y == -1 ? 0 : x % y;
      return static_cast<T>(remainder != 0 && (remainder < 0) != (y < 0) ? remainder + y : remainder);
    }
    case BinaryKind::kMin: return b < a ? b : a;
    case BinaryKind::kMax: return b > a ? b : a;
    case BinaryKind::kPRelu: return x < 0 ? static_cast<T>(ua * ub) : a;
    default: return a;
  }
}

float FloatValue(BinaryKind kind, float a, float b) {
  switch (kind) {
    case BinaryKind::kAdd: return a + b;
    case BinaryKind::kSub: return a - b;
    case BinaryKind::kMul: return a * b;
    case BinaryKind::kDiv: return a / b;
    case BinaryKind::kMod: return std::fmod(a, b);
    case BinaryKind::kMin: return a > b ? b : a;
    case BinaryKind::kMax: return a < b ? b : a;
    case BinaryKind::kPRelu: return a < 0 ? a * b : a;
    default: return a;
  }
}

template <class T>
T ArithmeticValue(BinaryKind kind, T a, T b) {
  if constexpr (kIsFloat<T>) return Convert<T>(FloatValue(kind, a, b));
  else return IntegerValue(kind, a, b);
}

template <class T>
bool Truth(BinaryKind kind, T a, T b) {
  switch (kind) {
    case BinaryKind::kEqual: return a == b;
    case BinaryKind::kLess: return a < b;
    case BinaryKind::kLessOrEqual: return a <= b;
    case BinaryKind::kGreater: return a > b;
    case BinaryKind::kGreaterOrEqual: return a >= b;
    case BinaryKind::kAnd: return a && b;
    case BinaryKind::kOr: return a || b;
    case BinaryKind::kXor: return (a != T{}) != (b != T{});
    default: return false;
  }
}

template <class T>
double AsDouble(T value) {
  if constexpr (std::is_same_v<T, Half>) return static_cast<float>(value);
  else return static_cast<double>(value);
}

template <class T>
T Power(double base, double exponent) {
  const double power = std::pow(base, exponent);
  if constexpr (kIsFloat<T>) return Convert<T>(static_cast<float>(power));
  else return Saturate<T>(power);
}

}  // namespace

Status Reference(const Unary& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  DispatchDType(in[0].dtype, [&]<class T> {
    for (StridedIndex<2> i(out[0].shape, {out[0].strides, in[0].strides}); i.valid(); i.Next())
      out[0].as<T>()[i.offset(0)] = UnaryValue<T>(op, in[0].as<T>()[i.offset(1)]);
  });
  return {};
}

Status Reference(const Binary& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView a = BroadcastTo(in[0], out[0].shape);
  const TensorView b = BroadcastTo(in[1], out[0].shape);
  StridedIndex<3> i(out[0].shape, {out[0].strides, a.strides, b.strides});
  if (op.kind == BinaryKind::kPow) {
    DispatchDType(a.dtype, [&]<class T> {
      DispatchDType(b.dtype, [&]<class E> {
        for (; i.valid(); i.Next())
          out[0].as<T>()[i.offset(0)] =
              Power<T>(AsDouble(a.as<T>()[i.offset(1)]), AsDouble(b.as<E>()[i.offset(2)]));
      });
    });
    return {};
  }
  return DispatchDType(a.dtype, [&]<class T>() -> Status {
    if (op.kind >= BinaryKind::kEqual) {
      for (; i.valid(); i.Next())
        out[0].as<bool>()[i.offset(0)] = Truth<T>(op.kind, a.as<T>()[i.offset(1)], b.as<T>()[i.offset(2)]);
      return {};
    }
    const bool divides = !kIsFloat<T> && (op.kind == BinaryKind::kDiv || op.kind == BinaryKind::kMod);
    for (; i.valid(); i.Next()) {
      const T y = b.as<T>()[i.offset(2)];
      if (divides && AsDouble(y) == 0) return Fail(ErrorCode::kCorruptModel, "integer division by zero");
      out[0].as<T>()[i.offset(0)] = ArithmeticValue<T>(op.kind, a.as<T>()[i.offset(1)], y);
    }
    return {};
  });
}

Status Reference(const Where&, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView condition = BroadcastTo(in[0], out[0].shape);
  const TensorView a = BroadcastTo(in[1], out[0].shape);
  const TensorView b = BroadcastTo(in[2], out[0].shape);
  DispatchDType(a.dtype, [&]<class T> {
    for (StridedIndex<4> i(out[0].shape, {out[0].strides, condition.strides, a.strides, b.strides}); i.valid();
         i.Next())
      out[0].as<T>()[i.offset(0)] =
          condition.as<bool>()[i.offset(1)] ? a.as<T>()[i.offset(2)] : b.as<T>()[i.offset(3)];
  });
  return {};
}

Status Reference(const Cast&, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  DispatchDType(in[0].dtype, [&]<class From> {
    DispatchDType(out[0].dtype, [&]<class To> {
      for (StridedIndex<2> i(out[0].shape, {out[0].strides, in[0].strides}); i.valid(); i.Next())
        out[0].as<To>()[i.offset(0)] = Convert<To>(in[0].as<From>()[i.offset(1)]);
    });
  });
  return {};
}

}  // namespace decal
