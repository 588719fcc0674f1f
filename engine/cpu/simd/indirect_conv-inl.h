// The register tile: rows read through pointers, times one panel of packed weights.
// SPDX-License-Identifier: MIT
#if defined(DECAL_ENGINE_CPU_INDIRECT_CONV_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DECAL_ENGINE_CPU_INDIRECT_CONV_INL_H_
#undef DECAL_ENGINE_CPU_INDIRECT_CONV_INL_H_
#else
#define DECAL_ENGINE_CPU_INDIRECT_CONV_INL_H_
#endif

#include <bit>

#include "engine/base/dtype.h"
#include "engine/cpu/simd/epilogue-inl.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

// Rows of a tile: two accumulators each, one register for the broadcast and two for the panel must fit.
#if HWY_TARGET == HWY_AVX3
// 32 registers would hold 14 rows, but x86 has 16 general registers and each row needs a pointer: 8 rows spill
// none, and 16 accumulators already cover the latency of two multiply-adds a cycle (4 cycles each).
inline constexpr size_t kTileRows = 8;
#elif HWY_TARGET == HWY_AVX2 || HWY_ARCH_ARM_A64
inline constexpr size_t kTileRows = 6;  // 12 of AVX2's 16 registers
#else
inline constexpr size_t kTileRows = 4;  // 8 of 16 128-bit registers; wasm engines keep some for themselves
#endif

// acc[i][v] = sum over taps and depth of rows[tap][i][k] * b[tap][k][v].
template <size_t kVectors>
HWY_INLINE void Accumulate(const float* const* HWY_RESTRICT rows, size_t taps, size_t depth,
                           const float* HWY_RESTRICT b, FloatVector (&acc)[kTileRows][kVectors]) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < kTileRows; ++i)
    for (size_t v = 0; v < kVectors; ++v) acc[i][v] = hn::Zero(d);
  for (size_t tap = 0; tap < taps; ++tap) {
    const float* HWY_RESTRICT a[kTileRows];
    for (size_t i = 0; i < kTileRows; ++i) a[i] = rows[tap * kTileRows + i];
#define DECAL_STEP(offset)                                                                       \
  {                                                                                              \
    FloatVector panel[kVectors];                                                                 \
    for (size_t v = 0; v < kVectors; ++v) panel[v] = hn::LoadU(d, b + v * lanes);                \
    for (size_t i = 0; i < kTileRows; ++i) {                                                     \
      const FloatVector value = hn::Set(d, at[i][offset]);                                       \
      for (size_t v = 0; v < kVectors; ++v) acc[i][v] = FusedMulAdd(value, panel[v], acc[i][v]); \
    }                                                                                            \
    b += kVectors * lanes;                                                                       \
  }
    size_t k = 0;
#if HWY_TARGET != HWY_WASM
    // Four steps a turn: the loop's own instructions vanish. Not on wasm: LLVM would nest the four steps of each
    // accumulator into one expression, and then all panels of a turn are alive at once and spill.
    for (; k + 4 <= depth; k += 4) {
      const float* HWY_RESTRICT at[kTileRows];
      for (size_t i = 0; i < kTileRows; ++i) at[i] = a[i] + k;
      DECAL_STEP(0)
      DECAL_STEP(1)
      DECAL_STEP(2)
      DECAL_STEP(3)
    }
#endif
    for (; k < depth; ++k) {
      const float* HWY_RESTRICT at[kTileRows];
      for (size_t i = 0; i < kTileRows; ++i) at[i] = a[i] + k;
      DECAL_STEP(0)
    }
#undef DECAL_STEP
  }
}

// For a handful of columns: acc[i][0] holds, in lane n, the same sum for column n, formed by vectors along the
// depth. b: [column][tap][k].
HWY_INLINE void AccumulateDots(const float* const* HWY_RESTRICT rows, size_t taps, size_t depth,
                               const float* HWY_RESTRICT b, size_t columns, FloatVector (&acc)[kTileRows][1]) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  HWY_ALIGN float sums[kTileRows * hn::MaxLanes(FloatTag())] = {};
  for (size_t n = 0; n < columns; ++n) {
    FloatVector partial[kTileRows];
    for (size_t i = 0; i < kTileRows; ++i) partial[i] = hn::Zero(d);
    for (size_t tap = 0; tap < taps; ++tap, b += depth) {
      const float* HWY_RESTRICT a[kTileRows];
      for (size_t i = 0; i < kTileRows; ++i) a[i] = rows[tap * kTileRows + i];
      size_t k = 0;
      for (; k + lanes <= depth; k += lanes) {
        const FloatVector weight = hn::LoadU(d, b + k);
        for (size_t i = 0; i < kTileRows; ++i) partial[i] = FusedMulAdd(hn::LoadU(d, a[i] + k), weight, partial[i]);
      }
      if (k == depth) continue;
      const FloatVector weight = LoadPartial(d, b + k, depth - k);
      for (size_t i = 0; i < kTileRows; ++i)
        partial[i] = FusedMulAdd(LoadPartial(d, a[i] + k, depth - k), weight, partial[i]);
    }
    for (size_t i = 0; i < kTileRows; ++i) sums[i * lanes + n] = hn::GetLane(hn::SumOfLanes(d, partial[i]));
  }
  for (size_t i = 0; i < kTileRows; ++i) acc[i][0] = hn::Load(d, sums + i * lanes);
}

HWY_NOINLINE inline void ComputeDots(const float* const* rows, size_t taps, size_t depth, const float* b,
                                     const Epilogue& epilogue, const TileOperands& operands) {
  FloatVector acc[kTileRows][1];
  AccumulateDots(rows, taps, depth, b, operands.columns, acc);
  FinishTile<kTileRows, 1>(epilogue, operands, acc);
}

template <size_t kVectors>
HWY_NOINLINE void ComputeTile(const float* const* rows, size_t taps, size_t depth, const float* b,
                              const Epilogue& epilogue, const TileOperands& operands) {
  FloatVector acc[kTileRows][kVectors];
  Accumulate<kVectors>(rows, taps, depth, b, acc);
  FinishTile<kTileRows, kVectors>(epilogue, operands, acc);
}

// Binary16 to float32.
HWY_NOINLINE inline void WidenRun(const uint16_t* from, size_t n, float* to) {
  const FloatTag d;
  const hn::Rebind<hwy::float16_t, FloatTag> half;
  const size_t lanes = hn::Lanes(d);
  const hwy::float16_t* bits = reinterpret_cast<const hwy::float16_t*>(from);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::PromoteTo(d, hn::LoadU(half, bits + i)), d, to + i);
  for (; i < n; ++i) to[i] = std::bit_cast<Half>(from[i]);
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // DECAL_ENGINE_CPU_INDIRECT_CONV_INL_H_
