// The epilogue of a tile that is still in registers.
// SPDX-License-Identifier: MIT
#if defined(DECAL_ENGINE_CPU_EPILOGUE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DECAL_ENGINE_CPU_EPILOGUE_INL_H_
#undef DECAL_ENGINE_CPU_EPILOGUE_INL_H_
#else
#define DECAL_ENGINE_CPU_EPILOGUE_INL_H_
#endif

#include "engine/cpu/simd/epilogue.h"
#include "engine/cpu/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

// Columns of vector v that are valid. Only the last vector of a tile can be partial.
template <size_t kVectors>
HWY_INLINE size_t ValidLanes(const TileOperands& o, size_t v, size_t lanes) {
  return v + 1 < kVectors ? lanes : o.columns - v * lanes;
}

template <size_t kRows, size_t kVectors>
HWY_INLINE void AddResidual(const TileOperands& o, FloatVector (&acc)[kRows][kVectors]) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < kRows; ++i) {
    if (i >= o.rows) break;
    for (size_t v = 0; v < kVectors; ++v) {
      const size_t valid = ValidLanes<kVectors>(o, v, lanes);
      const float* from = o.residual[i] + v * lanes;
      acc[i][v] = hn::Add(acc[i][v], valid == lanes ? hn::LoadU(d, from) : LoadPartial(d, from, valid));
    }
  }
}

// Through memory and one call for the whole tile: these activations cost far more than the round trip.
template <size_t kRows, size_t kVectors>
HWY_NOINLINE void ActivateTile(const ActivationParams& activation, size_t columns,
                               FloatVector (&acc)[kRows][kVectors]) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d), width = kVectors * lanes;
  HWY_ALIGN float tile[kRows * kVectors * hn::MaxLanes(FloatTag())];
  for (size_t i = 0; i < kRows; ++i)
    for (size_t v = 0; v < kVectors; ++v) hn::Store(acc[i][v], d, tile + (i * kVectors + v) * lanes);
  if (2 * columns <= width) {  // moved together, because most of it is nothing
    HWY_ALIGN float dense[kRows * kVectors * hn::MaxLanes(FloatTag())];
    for (size_t i = 0; i < kRows; ++i)
      for (size_t c = 0; c < columns; ++c) dense[i * columns + c] = tile[i * width + c];
    ActivateRun(activation, dense, dense, kRows * columns);
    for (size_t i = 0; i < kRows; ++i)
      for (size_t c = 0; c < columns; ++c) tile[i * width + c] = dense[i * columns + c];
  } else {
    ActivateRun(activation, tile, tile, kRows * width);
  }
  for (size_t i = 0; i < kRows; ++i)
    for (size_t v = 0; v < kVectors; ++v) acc[i][v] = hn::Load(d, tile + (i * kVectors + v) * lanes);
}

template <size_t kRows, size_t kVectors>
HWY_INLINE void FinishTile(const Epilogue& epilogue, const TileOperands& o, FloatVector (&acc)[kRows][kVectors]) {
  const FloatTag d;
  const FloatVector zero = hn::Zero(d);
  const size_t lanes = hn::Lanes(d);
  if (o.bias != nullptr) {
    for (size_t v = 0; v < kVectors; ++v) {
      const FloatVector bias = hn::LoadU(d, o.bias + v * lanes);
      for (size_t i = 0; i < kRows; ++i) acc[i][v] = hn::Add(acc[i][v], bias);
    }
  }
  if (epilogue.residual == Epilogue::Residual::kBeforePost) AddResidual(o, acc);
  switch (epilogue.post) {
    case Epilogue::Post::kNone: break;
    case Epilogue::Post::kClamp: {
      const FloatVector low = hn::Set(d, epilogue.low), high = hn::Set(d, epilogue.high);
      for (size_t i = 0; i < kRows; ++i)
        for (size_t v = 0; v < kVectors; ++v) acc[i][v] = AtMost(AtLeast(acc[i][v], low), high);
      break;
    }
    case Epilogue::Post::kLeaky:
    case Epilogue::Post::kSlopes:
      for (size_t v = 0; v < kVectors; ++v) {
        const FloatVector slope =
            epilogue.post == Epilogue::Post::kLeaky ? hn::Set(d, epilogue.low) : hn::LoadU(d, o.slopes + v * lanes);
        for (size_t i = 0; i < kRows; ++i)
          acc[i][v] = hn::IfThenElse(hn::Lt(acc[i][v], zero), hn::Mul(acc[i][v], slope), acc[i][v]);
      }
      break;
    case Epilogue::Post::kActivate: {
      // A copy, so that the address taken by the call does not force the accumulators into memory elsewhere.
      FloatVector copy[kRows][kVectors];
      for (size_t i = 0; i < kRows; ++i)
        for (size_t v = 0; v < kVectors; ++v) copy[i][v] = acc[i][v];
      ActivateTile<kRows, kVectors>(epilogue.activation, o.columns, copy);
      for (size_t i = 0; i < kRows; ++i)
        for (size_t v = 0; v < kVectors; ++v) acc[i][v] = copy[i][v];
      break;
    }
  }
  if (epilogue.residual == Epilogue::Residual::kAfterPost) AddResidual(o, acc);
  for (size_t i = 0; i < kRows; ++i) {
    if (i >= o.rows) break;
    for (size_t v = 0; v < kVectors; ++v) {
      const size_t valid = ValidLanes<kVectors>(o, v, lanes);
      float* to = o.out[i] + v * lanes;
      if (valid == lanes) {
        hn::StoreU(acc[i][v], d, to);
      } else {
        StorePartial(acc[i][v], d, to, valid);
      }
    }
  }
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // DECAL_ENGINE_CPU_EPILOGUE_INL_H_
