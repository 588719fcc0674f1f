// Element types of tensors and the conversions between them.
// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace decal {

// The first seven have C++ types and kernels (DispatchDType); the others go through engine/base/element.h.
// Values of less than a byte take one byte each in memory: only the file packs them.
enum class DType : uint8_t {
  kFloat32,
  kFloat16,
  kInt64,
  kInt32,
  kInt8,
  kUint8,
  kBool,
  kFloat64,
  kInt16,
  kUint16,
  kUint32,
  kUint64,
  kBFloat16,
  kFloat8E4M3FN,
  kFloat8E4M3FNUZ,
  kFloat8E5M2,
  kFloat8E5M2FNUZ,
  kFloat8E8M0,
  kFloat4E2M1,
  kInt4,
  kUint4,
  kInt2,
  kUint2,
  kString,  // each a 64-bit hash: movement and equality need no more, and no string ever leaves the engine
};

// True where DispatchDType has a C++ type.
constexpr bool IsCore(DType dtype) { return dtype <= DType::kBool; }

constexpr size_t SizeOf(DType dtype) {
  switch (dtype) {
    case DType::kInt64:
    case DType::kFloat64:
    case DType::kUint64:
    case DType::kString: return 8;
    case DType::kFloat32:
    case DType::kInt32:
    case DType::kUint32: return 4;
    case DType::kFloat16:
    case DType::kBFloat16:
    case DType::kInt16:
    case DType::kUint16: return 2;
    default: return 1;
  }
}

constexpr const char* Name(DType dtype) {
  constexpr const char* kNames[] = {"f32",    "f16",      "i64",        "i32",    "i8",         "u8",
                                    "bool",   "f64",      "i16",        "u16",    "u32",        "u64",
                                    "bf16",   "f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz", "f8e8m0",
                                    "f4e2m1", "i4",       "u4",         "i2",     "u2",         "string"};
  static_assert(std::size(kNames) == static_cast<size_t>(DType::kString) + 1);
  return kNames[static_cast<size_t>(dtype)];
}

// IEEE binary16 storage. Arithmetic happens in float.
struct Half {
  uint16_t bits = 0;

  Half() = default;
  explicit Half(float value);
  operator float() const;  // NOLINT: half promotes to float, as in every language with such a type
};

inline Half::operator float() const {
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
  const uint32_t exponent = (bits >> 10) & 0x1F;
  const uint32_t mantissa = bits & 0x3FF;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000u | (mantissa << 13));
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24 is exact in float
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

inline Half::Half(float value) {  // round to nearest even
  const uint32_t u = std::bit_cast<uint32_t>(value);
  const uint16_t sign = static_cast<uint16_t>((u >> 16) & 0x8000);
  const uint32_t magnitude = u & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) {
    bits = sign | 0x7E00;
  } else if (magnitude >= 0x477FF000) {  // rounds to 65536 or more
    bits = sign | 0x7C00;
  } else if (magnitude < 0x38800000) {  // below 2^-14: subnormal; adding 0.5 rounds at 2^-24
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    bits = sign | static_cast<uint16_t>(std::bit_cast<uint32_t>(shifted) - 0x3F000000);
  } else {
    bits = sign | static_cast<uint16_t>((magnitude - 0x38000000 + 0xFFF + ((magnitude >> 13) & 1)) >> 13);
  }
}

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::kFloat32;
};
template <>
struct DTypeOf<Half> {
  static constexpr DType value = DType::kFloat16;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::kInt64;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::kInt32;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType value = DType::kInt8;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::kUint8;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::kBool;
};

// Calls `fn.operator()<T>()` with the C++ type of `dtype`, which IsCore, and returns what it returns.
template <class Fn>
decltype(auto) DispatchDType(DType dtype, Fn&& fn) {
  switch (dtype) {
    case DType::kFloat32: return fn.template operator()<float>();
    case DType::kFloat16: return fn.template operator()<Half>();
    case DType::kInt64: return fn.template operator()<int64_t>();
    case DType::kInt32: return fn.template operator()<int32_t>();
    case DType::kInt8: return fn.template operator()<int8_t>();
    case DType::kUint8: return fn.template operator()<uint8_t>();
    case DType::kBool: return fn.template operator()<bool>();
    default: __builtin_unreachable();
  }
}

}  // namespace decal
