// The vector form of pixel.h: RGBA8 pixels as 32-bit lanes, their channels as floats, and back.
// SPDX-License-Identifier: MIT
#if defined(DECAL_CUTOUT_PIXEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DECAL_CUTOUT_PIXEL_INL_H_
#undef DECAL_CUTOUT_PIXEL_INL_H_
#else
#define DECAL_CUTOUT_PIXEL_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/cpu/simd/simd-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using WordTag = hn::RebindToUnsigned<FloatTag>;
using SignedTag = hn::RebindToSigned<FloatTag>;
using Floats = hn::Vec<FloatTag>;
using Words = hn::Vec<WordTag>;

// Rows need not be aligned. Highway's scalar target, which g++ gets, has vectors of one element: no bytes in a word.
HWY_INLINE Words LoadPixels(const uint8_t* from) {
#if HWY_TARGET == HWY_SCALAR
  uint32_t pixel;
  std::memcpy(&pixel, from, sizeof(pixel));
  return hn::Set(WordTag(), pixel);
#else
  const hn::Repartition<uint8_t, WordTag> bytes;
  return hn::BitCast(WordTag(), hn::LoadU(bytes, from));
#endif
}

HWY_INLINE void StorePixels(Words pixels, uint8_t* to) {
#if HWY_TARGET == HWY_SCALAR
  const uint32_t pixel = hn::GetLane(pixels);
  std::memcpy(to, &pixel, sizeof(pixel));
#else
  const hn::Repartition<uint8_t, WordTag> bytes;
  hn::StoreU(hn::BitCast(bytes, pixels), bytes, to);
#endif
}

// Channel 0 red .. 3 alpha, as 0..255.
template <int kChannel>
HWY_INLINE Floats ChannelLanes(Words pixels) {
  Words value = pixels;
  if constexpr (kChannel > 0) value = hn::ShiftRight<8 * kChannel>(value);
  if constexpr (kChannel < 3) value = hn::And(value, hn::Set(WordTag(), 0xFF));
  return hn::ConvertTo(FloatTag(), hn::BitCast(SignedTag(), value));
}

// To the nearest, halves up, at most 255; for values of at least 0.
HWY_INLINE Words ToByteLanes(Floats values) {
  const FloatTag d;
  const Floats rounded = cpu::HWY_NAMESPACE::AtMost(hn::Add(values, hn::Set(d, 0.5f)), hn::Set(d, 255.0f));
#if HWY_TARGET == HWY_WASM && defined(__wasm_relaxed_simd__)
  // One instruction where the one that saturates takes several; they differ only beyond 32 bits.
  return Words{wasm_i32x4_relaxed_trunc_f32x4(rounded.raw)};
#else
  return hn::BitCast(WordTag(), hn::ConvertTo(SignedTag(), rounded));
#endif
}

HWY_INLINE Words PackLanes(Words r, Words g, Words b, Words a) {
  return hn::Or(hn::Or(r, hn::ShiftLeft<8>(g)), hn::Or(hn::ShiftLeft<16>(b), hn::ShiftLeft<24>(a)));
}

}  // namespace decal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // DECAL_CUTOUT_PIXEL_INL_H_
