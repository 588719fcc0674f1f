// Bilinear sampling of all channels of a tap at once: its corners and their weights are found once a pixel.
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/deform_sample.h"

#include <algorithm>
#include <cmath>

#include "engine/base/assert.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/simd/deform_sample.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/cpu/simd/simd-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

// A coordinate split into a pixel and what is left. The sum is rounded to float first, as everywhere else where
// deformable convolution is computed: models are trained with that rounding.
struct SplitCoordinate {
  ptrdiff_t low;  // -2 if neither neighbour exists
  float fraction;

  SplitCoordinate(ptrdiff_t place, float offset, size_t extent) {
    // Beyond this nothing is inside, and the conversion below stays defined. NaN takes this way too.
    constexpr float kFar = 0x1p30f;
    if (!(offset > -kFar && offset < kFar)) {
      low = -2;
      fraction = 0;
      return;
    }
    const float position = static_cast<float>(place) + offset, whole = std::floor(position);
    low = static_cast<ptrdiff_t>(whole);
    fraction = position - whole;
    if (low < -1 || low >= static_cast<ptrdiff_t>(extent)) low = -2;
  }
};

struct Corners {
  const float* at[4];
  float weight[4];
};

HWY_INLINE void Blend(const Corners& corners, size_t channels, float* HWY_RESTRICT to) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  FloatVector weight[4];
  for (size_t i = 0; i < 4; ++i) weight[i] = hn::Set(d, corners.weight[i]);
  size_t c = 0;
  for (; c + lanes <= channels; c += lanes) {
    FloatVector sum = hn::Mul(hn::LoadU(d, corners.at[0] + c), weight[0]);
    for (size_t i = 1; i < 4; ++i) sum = FusedMulAdd(hn::LoadU(d, corners.at[i] + c), weight[i], sum);
    hn::StoreU(sum, d, to + c);
  }
  if (c == channels) return;
  FloatVector sum = hn::Mul(LoadPartial(d, corners.at[0] + c, channels - c), weight[0]);
  for (size_t i = 1; i < 4; ++i) sum = FusedMulAdd(LoadPartial(d, corners.at[i] + c, channels - c), weight[i], sum);
  StorePartial(sum, d, to + c, channels - c);
}

HWY_NOINLINE void SampleColumnsTarget(const DeformShape& shape, const DeformBuffers& buffers, size_t group,
                                      size_t first, size_t rows, float* columns) {
  const size_t first_channel = group * shape.depth, taps = shape.taps.size();
  size_t ox = first % shape.out_width;
  size_t oy = first / shape.out_width % shape.out_height;
  size_t n = first / shape.out_width / shape.out_height;
  const auto place = [&](const MapStrides& s) {
    return ptrdiff_t(n) * s.batch + ptrdiff_t(oy) * s.row + ptrdiff_t(ox) * s.pixel;
  };
  for (size_t r = 0; r < rows; ++r) {
    const float* image = buffers.in + ptrdiff_t(n) * shape.in.batch;
    const float* offset = buffers.offset + place(shape.offset);
    const float* mask = buffers.mask ? buffers.mask + place(shape.mask) : nullptr;
    for (size_t t = 0; t < taps; ++t) {
      const ptrdiff_t y = ptrdiff_t(oy * shape.step_y) + shape.taps[t].dy;
      const ptrdiff_t x = ptrdiff_t(ox * shape.step_x) + shape.taps[t].dx;
      for (size_t c = 0; c < shape.depth;) {  // once for each offset group that this group touches
        const size_t channel = first_channel + c, offset_group = channel / shape.offset_depth;
        const size_t count = std::min(shape.depth - c, (offset_group + 1) * shape.offset_depth - channel);
        const ptrdiff_t pair = ptrdiff_t(offset_group * taps + t);
        const SplitCoordinate down(y, offset[2 * pair * shape.offset.channel], shape.in_height);
        const SplitCoordinate right(x, offset[(2 * pair + 1) * shape.offset.channel], shape.in_width);
        const float scale = mask ? mask[pair * shape.mask.channel] : 1.0f;
        Corners corners;
        for (size_t i = 0; i < 4; ++i) {
          const ptrdiff_t cy = down.low + ptrdiff_t(i / 2), cx = right.low + ptrdiff_t(i % 2);
          const bool inside = cy >= 0 && cy < ptrdiff_t(shape.in_height) && cx >= 0 && cx < ptrdiff_t(shape.in_width);
          corners.at[i] = inside ? image + cy * shape.in.row + cx * shape.in.pixel + channel : buffers.zeros;
          corners.weight[i] =
              scale * (i / 2 ? down.fraction : 1 - down.fraction) * (i % 2 ? right.fraction : 1 - right.fraction);
        }
        Blend(corners, count, columns + c);
        c += count;
      }
      columns += shape.depth;
    }
    if (++ox < shape.out_width) continue;
    ox = 0;
    if (++oy < shape.out_height) continue;
    oy = 0;
    ++n;
  }
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal::cpu {

HWY_EXPORT(SampleColumnsTarget);

void SampleColumns(const DeformShape& shape, const DeformBuffers& buffers, size_t group, size_t first, size_t rows,
                   float* columns) {
  DECAL_DASSERT(shape.out_width > 0 && shape.out_height > 0 && shape.offset_depth > 0);
  DECAL_DASSERT(buffers.in != nullptr && buffers.offset != nullptr && buffers.zeros != nullptr);
  HWY_DYNAMIC_DISPATCH(SampleColumnsTarget)(shape, buffers, group, first, rows, columns);
}

}  // namespace decal::cpu
#endif  // HWY_ONCE
