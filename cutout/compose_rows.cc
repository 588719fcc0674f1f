// SIMD composition: a vector of pixels is one of 32-bit words, each channel a vector of floats.
// SPDX-License-Identifier: MIT
#include "cutout/compose_rows.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cutout/compose_rows.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "cutout/pixel-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::HWY_NAMESPACE {
namespace {

struct CutOut {
  HWY_INLINE Words operator()(Words pixels, Floats matte) const {
    const WordTag d;
    const Words alpha = ToByteLanes(hn::Mul(ChannelLanes<3>(pixels), matte));
    const Words composed = hn::Or(hn::And(pixels, hn::Set(d, 0x00FFFFFFu)), hn::ShiftLeft<24>(alpha));
    return hn::IfThenZeroElse(hn::Eq(alpha, hn::Zero(d)), composed);
  }
};

struct Mask {
  HWY_INLINE Words operator()(Words pixels, Floats matte) const {
    const Words grey = ToByteLanes(hn::Mul(ChannelLanes<3>(pixels), matte));
    return PackLanes(grey, grey, grey, hn::Set(WordTag(), 255));
  }
};

// Over an opaque background the result is opaque: the usual case, and without the division half the work.
struct OverOpaque {
  HWY_INLINE Words operator()(Words pixels, Floats matte) const {
    const FloatTag d;
    const Floats front = hn::Mul(hn::Mul(ChannelLanes<3>(pixels), matte), hn::Set(d, 1.0f / 255));
    const Floats back = hn::Sub(hn::Set(d, 1.0f), front);
    const auto blend = [&](Floats channel, float behind) HWY_ATTR {
      return ToByteLanes(hn::Add(hn::Mul(channel, front), hn::Mul(hn::Set(d, behind), back)));
    };
    return PackLanes(blend(ChannelLanes<0>(pixels), r), blend(ChannelLanes<1>(pixels), g),
                     blend(ChannelLanes<2>(pixels), b), hn::Set(WordTag(), 255));
  }

  float r, g, b;  // 0..255
};

struct Over {
  HWY_INLINE Words operator()(Words pixels, Floats matte) const {
    const FloatTag d;
    const Floats one = hn::Set(d, 1.0f), zero = hn::Zero(d);
    const Floats front = hn::Mul(hn::Mul(ChannelLanes<3>(pixels), matte), hn::Set(d, 1.0f / 255));
    const Floats back = hn::Mul(hn::Set(d, a), hn::Sub(one, front));
    const Floats total = hn::Add(front, back);
    const Floats normalise = hn::IfThenElse(hn::Gt(total, zero), hn::Div(one, total), zero);
    const auto blend = [&](Floats channel, float behind) HWY_ATTR {
      const Floats sum = hn::Add(hn::Mul(channel, front), hn::Mul(hn::Set(d, behind), back));
      return ToByteLanes(hn::Mul(sum, normalise));
    };
    const Words alpha = ToByteLanes(hn::Mul(hn::Set(d, 255.0f), total));
    const Words composed = PackLanes(blend(ChannelLanes<0>(pixels), r), blend(ChannelLanes<1>(pixels), g),
                                     blend(ChannelLanes<2>(pixels), b), alpha);
    return hn::IfThenZeroElse(hn::Eq(alpha, hn::Zero(WordTag())), composed);
  }

  float r, g, b, a;  // 0..255, a 0..1
};

template <class Pixel>
HWY_NOINLINE void ComposeAll(const uint8_t* from, const MatteRow& matte, size_t width, uint8_t* to,
                             const Pixel& pixel) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  const Floats top_weight = hn::Set(d, matte.top_weight), bottom_weight = hn::Set(d, matte.bottom_weight);
  const auto between = [&](Floats top, Floats bottom)
                           HWY_ATTR { return hn::Add(hn::Mul(top_weight, top), hn::Mul(bottom_weight, bottom)); };
  size_t x = 0;
  for (; x + lanes <= width; x += lanes) {
    const Floats values = between(hn::LoadU(d, matte.top + x), hn::LoadU(d, matte.bottom + x));
    StorePixels(pixel(LoadPixels(from + 4 * x), values), to + 4 * x);
  }
  if (x == width) return;
  // The rest by way of whole vectors.
  const size_t left = width - x;
  HWY_ALIGN uint8_t pixels[4 * hn::MaxLanes(FloatTag())] = {};
  HWY_ALIGN float top[hn::MaxLanes(FloatTag())] = {}, bottom[hn::MaxLanes(FloatTag())] = {};
  std::memcpy(pixels, from + 4 * x, 4 * left);
  std::memcpy(top, matte.top + x, left * sizeof(float));
  std::memcpy(bottom, matte.bottom + x, left * sizeof(float));
  StorePixels(pixel(LoadPixels(pixels), between(hn::Load(d, top), hn::Load(d, bottom))), pixels);
  std::memcpy(to + 4 * x, pixels, 4 * left);
}

}  // namespace

void ComposeRowTarget(Composition composition, const uint8_t* from, const MatteRow& matte, size_t width,
                      const std::array<uint8_t, 4>& background, uint8_t* to) {
  switch (composition) {
    case Composition::kCutOut: return ComposeAll(from, matte, width, to, CutOut{});
    case Composition::kMask: return ComposeAll(from, matte, width, to, Mask{});
    case Composition::kOver: {
      const float r = background[0], g = background[1], b = background[2];
      if (background[3] == 255) return ComposeAll(from, matte, width, to, OverOpaque{r, g, b});
      return ComposeAll(from, matte, width, to, Over{r, g, b, static_cast<float>(background[3]) / 255});
    }
  }
}

}  // namespace decal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal {

HWY_EXPORT(ComposeRowTarget);

void ComposeRow(Composition composition, const uint8_t* from, const MatteRow& matte, size_t width,
                const std::array<uint8_t, 4>& background, uint8_t* to) {
  HWY_DYNAMIC_DISPATCH(ComposeRowTarget)(composition, from, matte, width, background, to);
}

}  // namespace decal
#endif  // HWY_ONCE
