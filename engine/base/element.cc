// Loads and stores of single elements; the binary formats of all narrow floats from one description.
// SPDX-License-Identifier: MIT
#include "engine/base/element.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace decal {
namespace {

// A float of `mantissa` stored bits: sign, exponent, mantissa from the top. Codes are without the sign.
struct FloatFormat {
  int bits;
  int mantissa;
  int bias;
  uint32_t largest;   // code of the largest finite value
  uint32_t infinity;  // 0: none
  uint32_t nan;       // unused if there is none
  bool unsigned_zero; // the code of -0 is the only NaN ("FNUZ")
};

FloatFormat FormatOf(DType dtype) {
  switch (dtype) {
    case DType::kBFloat16: return {16, 7, 127, 0x7F7F, 0x7F80, 0x7FC0, false};
    case DType::kFloat8E4M3FN: return {8, 3, 7, 0x7E, 0, 0x7F, false};
    case DType::kFloat8E4M3FNUZ: return {8, 3, 8, 0x7F, 0, 0, true};
    case DType::kFloat8E5M2: return {8, 2, 15, 0x7B, 0x7C, 0x7E, false};
    case DType::kFloat8E5M2FNUZ: return {8, 2, 16, 0x7F, 0, 0, true};
    default: return {4, 1, 1, 0x7, 0, 0, false};  // kFloat4E2M1
  }
}

double DecodeFloat(const FloatFormat& f, uint32_t stored) {
  const uint32_t sign = 1u << (f.bits - 1), code = stored & (sign - 1);
  const bool negative = (stored & sign) != 0;
  if (f.unsigned_zero && negative && code == 0) return std::numeric_limits<double>::quiet_NaN();
  double magnitude;
  if (code <= f.largest) {
    const int exponent = static_cast<int>(code >> f.mantissa);
    const uint32_t fraction = code & ((1u << f.mantissa) - 1);
    const uint32_t significand = exponent == 0 ? fraction : fraction | 1u << f.mantissa;
    magnitude = std::ldexp(static_cast<double>(significand), std::max(exponent, 1) - f.bias - f.mantissa);
  } else if (code == f.infinity) {
    magnitude = std::numeric_limits<double>::infinity();
  } else {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return negative ? -magnitude : magnitude;
}

uint32_t EncodeFloat(const FloatFormat& f, double value, bool saturate) {
  const uint32_t sign = std::signbit(value) ? 1u << (f.bits - 1) : 0;
  const uint32_t nan = f.unsigned_zero ? 1u << (f.bits - 1) : sign | f.nan;
  if (std::isnan(value)) return nan;
  const double magnitude = std::fabs(value);
  uint32_t code = f.largest + 1;
  if (!std::isinf(magnitude)) {
    const int exponent = std::max(magnitude == 0 ? 1 - f.bias : std::ilogb(magnitude), 1 - f.bias);
    // A value beyond the range has a code above the largest; far beyond, the code would not fit.
    if (exponent + f.bias < (1 << (f.bits - 1 - f.mantissa)) + 1) {
      const double steps = std::nearbyint(std::ldexp(magnitude, f.mantissa - exponent));  // half to even
      code = (static_cast<uint32_t>(exponent + f.bias - 1) << f.mantissa) + static_cast<uint32_t>(steps);
    }
  }
  if (code > f.largest) {
    if (saturate) code = f.largest;
    else if (f.infinity != 0) code = f.infinity;
    else return nan;
  }
  return f.unsigned_zero && code == 0 ? 0 : sign | code;
}

// A power of two from 2^-127 to 2^127; code 255 is NaN, and so are the numbers it has no value for.
uint8_t EncodeExponent(double value, NarrowRule rule) {
  if (std::isnan(value)) return 0xFF;
  const double magnitude = std::fabs(value);
  if (std::isinf(magnitude)) return rule.saturate ? 0xFE : 0xFF;
  if (magnitude == 0) return 0;
  int exponent = std::ilogb(magnitude);
  const double fraction = std::ldexp(magnitude, -exponent);  // 1 to 2
  if (rule.exponent == ExponentRounding::kUp ? fraction > 1.0
                                             : rule.exponent == ExponentRounding::kNearest && fraction >= 1.5)
    ++exponent;
  if (exponent > 127) return rule.saturate ? 0xFE : 0xFF;
  return static_cast<uint8_t>(std::max(exponent, -127) + 127);
}

template <class T>
T& At(void* data, int64_t index) {
  return static_cast<T*>(data)[index];
}
template <class T>
const T& At(const void* data, int64_t index) {
  return static_cast<const T*>(data)[index];
}

// The range of an integer type as doubles, which are exact but for the upper ends of 64 bits.
double LowestOf(DType dtype) { return IsSigned(dtype) ? -std::ldexp(1.0, static_cast<int>(BitsOf(dtype)) - 1) : 0.0; }
double BeyondOf(DType dtype) { return std::ldexp(1.0, static_cast<int>(BitsOf(dtype)) - (IsSigned(dtype) ? 1 : 0)); }

uint64_t Truncated(DType dtype, double value) {
  const int bits = static_cast<int>(BitsOf(dtype));
  if (std::isnan(value)) return 0;
  if (value <= LowestOf(dtype)) return IsSigned(dtype) ? ~uint64_t{0} << (bits - 1) : 0;
  if (value >= BeyondOf(dtype)) return ~uint64_t{0} >> (64 - bits + (IsSigned(dtype) ? 1 : 0));
  return IsSigned(dtype) ? static_cast<uint64_t>(static_cast<int64_t>(value)) : static_cast<uint64_t>(value);
}

}  // namespace

double LoadNumber(DType dtype, const void* data, int64_t index) {
  switch (dtype) {
    case DType::kFloat32: return At<float>(data, index);
    case DType::kFloat64: return At<double>(data, index);
    case DType::kFloat16: return static_cast<float>(At<Half>(data, index));
    case DType::kBFloat16: return std::bit_cast<float>(uint32_t{At<uint16_t>(data, index)} << 16);
    case DType::kFloat8E8M0: {
      const int code = At<uint8_t>(data, index);
      return code == 0xFF ? std::numeric_limits<double>::quiet_NaN() : std::ldexp(1.0, code - 127);
    }
    case DType::kFloat8E4M3FN:
    case DType::kFloat8E4M3FNUZ:
    case DType::kFloat8E5M2:
    case DType::kFloat8E5M2FNUZ:
    case DType::kFloat4E2M1: return DecodeFloat(FormatOf(dtype), At<uint8_t>(data, index));
    case DType::kUint64: return static_cast<double>(At<uint64_t>(data, index));
    default: return static_cast<double>(static_cast<int64_t>(LoadInteger(dtype, data, index)));
  }
}

uint64_t LoadInteger(DType dtype, const void* data, int64_t index) {
  switch (dtype) {
    case DType::kInt64:
    case DType::kString:
    case DType::kUint64: return At<uint64_t>(data, index);
    case DType::kInt32: return static_cast<uint64_t>(At<int32_t>(data, index));
    case DType::kUint32: return At<uint32_t>(data, index);
    case DType::kInt16: return static_cast<uint64_t>(At<int16_t>(data, index));
    case DType::kUint16: return At<uint16_t>(data, index);
    case DType::kInt8:
    case DType::kInt4:
    case DType::kInt2: return static_cast<uint64_t>(At<int8_t>(data, index));
    default: return At<uint8_t>(data, index);
  }
}

void StoreNumber(DType dtype, void* data, int64_t index, double value, NarrowRule rule) {
  switch (dtype) {
    case DType::kFloat32: At<float>(data, index) = static_cast<float>(value); break;
    case DType::kFloat64: At<double>(data, index) = value; break;
    case DType::kFloat16: At<Half>(data, index) = Half(static_cast<float>(value)); break;
    case DType::kBFloat16:
      At<uint16_t>(data, index) = static_cast<uint16_t>(EncodeFloat(FormatOf(dtype), value, /*saturate=*/false));
      break;
    case DType::kFloat8E8M0: At<uint8_t>(data, index) = EncodeExponent(value, rule); break;
    case DType::kFloat4E2M1:  // has neither infinity nor NaN: always saturates, and ONNX makes NaN -0
      At<uint8_t>(data, index) =
          std::isnan(value) ? 8 : static_cast<uint8_t>(EncodeFloat(FormatOf(dtype), value, /*saturate=*/true));
      break;
    case DType::kFloat8E4M3FN:
    case DType::kFloat8E4M3FNUZ:
    case DType::kFloat8E5M2:
    case DType::kFloat8E5M2FNUZ:
      At<uint8_t>(data, index) = static_cast<uint8_t>(EncodeFloat(FormatOf(dtype), value, rule.saturate));
      break;
    case DType::kBool: At<bool>(data, index) = value != 0; break;
    // Below a byte ONNX keeps the low bits of the truncated value.
    default: StoreInteger(dtype, data, index, Truncated(BitsOf(dtype) < 8 ? DType::kInt64 : dtype, value)); break;
  }
}

void StoreInteger(DType dtype, void* data, int64_t index, uint64_t value) {
  switch (dtype) {
    case DType::kString:
    case DType::kInt64:
    case DType::kUint64: At<uint64_t>(data, index) = value; break;
    case DType::kInt32:
    case DType::kUint32: At<uint32_t>(data, index) = static_cast<uint32_t>(value); break;
    case DType::kInt16:
    case DType::kUint16: At<uint16_t>(data, index) = static_cast<uint16_t>(value); break;
    case DType::kInt8:
    case DType::kUint8: At<uint8_t>(data, index) = static_cast<uint8_t>(value); break;
    case DType::kUint4:
    case DType::kUint2: At<uint8_t>(data, index) = value & ((1u << BitsOf(dtype)) - 1); break;
    case DType::kInt4:
    case DType::kInt2: {
      const int unused = 64 - static_cast<int>(BitsOf(dtype));
      At<int8_t>(data, index) = static_cast<int8_t>(static_cast<int64_t>(value << unused) >> unused);
      break;
    }
    case DType::kBool: At<bool>(data, index) = value != 0; break;
    case DType::kFloat32: At<float>(data, index) = static_cast<float>(static_cast<int64_t>(value)); break;
    default: StoreNumber(dtype, data, index, static_cast<double>(static_cast<int64_t>(value))); break;
  }
}

}  // namespace decal
