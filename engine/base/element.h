// Elements of any type by value, without a template for each: as a double or as a 64-bit integer.
//
// The scalar references of operators that seldom run are compiled once for these two, instead of once for
// each of 23 element types.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/base/dtype.h"

namespace decal {

constexpr bool IsSigned(DType dtype) {
  return dtype == DType::kInt64 || dtype == DType::kInt32 || dtype == DType::kInt16 || dtype == DType::kInt8 ||
         dtype == DType::kInt4 || dtype == DType::kInt2;
}
constexpr bool IsUnsigned(DType dtype) {
  return dtype == DType::kUint64 || dtype == DType::kUint32 || dtype == DType::kUint16 || dtype == DType::kUint8 ||
         dtype == DType::kUint4 || dtype == DType::kUint2;
}
constexpr bool IsInteger(DType dtype) { return IsSigned(dtype) || IsUnsigned(dtype); }
// Of any width, the 8- and 4-bit storage formats included.
constexpr bool IsFloating(DType dtype) { return !IsInteger(dtype) && dtype != DType::kBool && dtype != DType::kString; }

// Bits of one value as the file packs it.
constexpr size_t BitsOf(DType dtype) {
  switch (dtype) {
    case DType::kInt4:
    case DType::kUint4:
    case DType::kFloat4E2M1: return 4;
    case DType::kInt2:
    case DType::kUint2: return 2;
    default: return 8 * SizeOf(dtype);
  }
}

// The value of element `index`. All types but 64-bit integers beyond 2^53 are exact.
double LoadNumber(DType dtype, const void* data, int64_t index);
// The value of an integer or bool element, sign-extended, or the hash of a string: a kUint64 is the one type that may
// not fit int64_t.
uint64_t LoadInteger(DType dtype, const void* data, int64_t index);

// How numbers become 8-bit and 4-bit floats where the target has no such value.
enum class ExponentRounding : uint8_t { kUp, kDown, kNearest };
struct NarrowRule {
  bool saturate = true;                               // beyond the range: the largest value; else infinity or NaN
  ExponentRounding exponent = ExponentRounding::kUp;  // kFloat8E8M0 only
};

// Floats round half to even; integers truncate and saturate (below a byte: wrap), NaN becoming 0; bool is `value != 0`.
void StoreNumber(DType dtype, void* data, int64_t index, double value, NarrowRule rule = {});
// Integers keep their low bits; every other type takes `value` as an int64_t.
void StoreInteger(DType dtype, void* data, int64_t index, uint64_t value);

}  // namespace decal
