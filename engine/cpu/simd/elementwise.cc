// Vector loops for two operands; the scalar case uses the same formulas on one-lane vectors.
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/elementwise.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/simd/elementwise.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/base/assert.h"
#include "engine/cpu/simd/simd-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

template <Arithmetic kKind, class D, class V = hn::Vec<D>>
HWY_INLINE V Apply(D d, V a, V b) {
  if constexpr (kKind == Arithmetic::kAdd) return hn::Add(a, b);
  if constexpr (kKind == Arithmetic::kSub) return hn::Sub(a, b);
  if constexpr (kKind == Arithmetic::kMul) return hn::Mul(a, b);
  if constexpr (kKind == Arithmetic::kDiv) return hn::Div(a, b);
  if constexpr (kKind == Arithmetic::kMin) return AtMost(a, b);
  if constexpr (kKind == Arithmetic::kMax) return AtLeast(a, b);
  if constexpr (kKind == Arithmetic::kPRelu) return hn::IfThenElse(hn::Lt(a, hn::Zero(d)), hn::Mul(a, b), a);
}

// Operand strides of 0 read one element again and again.
template <Arithmetic kKind, bool kConstantA, bool kConstantB>
HWY_NOINLINE void VectorRows(const ArithmeticTile& t) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  for (size_t r = 0; r < t.rows; ++r) {
    const float* a = t.a + static_cast<ptrdiff_t>(r) * t.a_row;
    const float* b = t.b + static_cast<ptrdiff_t>(r) * t.b_row;
    float* out = t.out + static_cast<ptrdiff_t>(r) * t.out_row;
    const FloatVector first_a = hn::Set(d, *a);
    const FloatVector first_b = hn::Set(d, *b);
    size_t i = 0;
    for (; i + lanes <= t.columns; i += lanes) {
      const FloatVector va = kConstantA ? first_a : hn::LoadU(d, a + i);
      const FloatVector vb = kConstantB ? first_b : hn::LoadU(d, b + i);
      hn::StoreU(Apply<kKind>(d, va, vb), d, out + i);
    }
    const size_t left = t.columns - i;
    if (left == 0) continue;
    const FloatVector va = kConstantA ? first_a : LoadPartial(d, a + i, left);
    const FloatVector vb = kConstantB ? first_b : LoadPartial(d, b + i, left);
    StorePartial(Apply<kKind>(d, va, vb), d, out + i, left);
  }
}

template <Arithmetic kKind>
HWY_NOINLINE void ScalarRows(const ArithmeticTile& t) {
  for (size_t r = 0; r < t.rows; ++r) {
    const float* a = t.a + static_cast<ptrdiff_t>(r) * t.a_row;
    const float* b = t.b + static_cast<ptrdiff_t>(r) * t.b_row;
    float* out = t.out + static_cast<ptrdiff_t>(r) * t.out_row;
    for (size_t i = 0; i < t.columns; ++i, a += t.a_column, b += t.b_column, out += t.out_column) {
      if constexpr (kKind == Arithmetic::kPow) {
        *out = std::pow(*a, *b);
      } else {
        const hn::CappedTag<float, 1> d;
        *out = hn::GetLane(Apply<kKind>(d, hn::Set(d, *a), hn::Set(d, *b)));
      }
    }
  }
}

template <Arithmetic kKind>
void Rows(const ArithmeticTile& t) {
  // Shorter rows spend more on partial vectors than the lanes save.
  constexpr size_t kMinColumns = 4;
  const bool unit_a = t.a_column == 1, unit_b = t.b_column == 1;
  const bool vectors = t.out_column == 1 && t.columns >= kMinColumns && (unit_a || t.a_column == 0) &&
                       (unit_b || t.b_column == 0) && (unit_a || unit_b);
  if (!vectors) return ScalarRows<kKind>(t);
  if (!unit_a) return VectorRows<kKind, true, false>(t);
  if (!unit_b) return VectorRows<kKind, false, true>(t);
  return VectorRows<kKind, false, false>(t);
}

void RunArithmeticTarget(Arithmetic kind, const ArithmeticTile& tile) {
  switch (kind) {
    case Arithmetic::kAdd: return Rows<Arithmetic::kAdd>(tile);
    case Arithmetic::kSub: return Rows<Arithmetic::kSub>(tile);
    case Arithmetic::kMul: return Rows<Arithmetic::kMul>(tile);
    case Arithmetic::kDiv: return Rows<Arithmetic::kDiv>(tile);
    case Arithmetic::kMin: return Rows<Arithmetic::kMin>(tile);
    case Arithmetic::kMax: return Rows<Arithmetic::kMax>(tile);
    case Arithmetic::kPRelu: return Rows<Arithmetic::kPRelu>(tile);
    case Arithmetic::kPow: return ScalarRows<Arithmetic::kPow>(tile);
  }
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal::cpu {

HWY_EXPORT(RunArithmeticTarget);

void RunArithmetic(Arithmetic kind, const ArithmeticTile& tile) {
  DECAL_DASSERT(tile.out != tile.a || (tile.out_row == tile.a_row && tile.out_column == tile.a_column) ||
                tile.rows * tile.columns <= 1);
  DECAL_DASSERT(tile.out != tile.b || (tile.out_row == tile.b_row && tile.out_column == tile.b_column) ||
                tile.rows * tile.columns <= 1);
  HWY_DYNAMIC_DISPATCH(RunArithmeticTarget)(kind, tile);
}

}  // namespace decal::cpu
#endif  // HWY_ONCE
