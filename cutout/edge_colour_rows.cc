// The pyramid's arithmetic with a cell to a vector. Nothing is fused, and sums keep their order: every target gives the same bits.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cutout/edge_colour_rows.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cutout/edge_colour_rows.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// A cell, or a quarter of one on Highway's scalar target.
using CellTag = hn::CappedTag<float, 4>;
constexpr size_t kCellLanes = hn::MaxLanes(CellTag());

}  // namespace

void WeighCellsTarget(const float* rgb, size_t stride, const float* alpha, bool back, float least, size_t count,
                      float* cells) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const float scale = 1 / (1 - least);
  size_t x = 0;
  for (; x + lanes <= count; x += lanes) {
    auto share = hn::LoadU(d, alpha + x);
    if (back) share = hn::Sub(hn::Set(d, 1.0f), share);
    const auto over = hn::Mul(hn::Max(hn::Sub(share, hn::Set(d, least)), hn::Zero(d)), hn::Set(d, scale));
    const auto weight = hn::Mul(over, over);
    hn::StoreInterleaved4(hn::Mul(hn::LoadU(d, rgb + x), weight), hn::Mul(hn::LoadU(d, rgb + stride + x), weight),
                          hn::Mul(hn::LoadU(d, rgb + 2 * stride + x), weight), weight, d, cells + 4 * x);
  }
  for (; x < count; ++x) {
    const float share = back ? 1 - alpha[x] : alpha[x];
    const float over = std::max(share - least, 0.0f) * scale;
    float* to = cells + 4 * x;
    to[3] = over * over;
    for (size_t c = 0; c < 3; ++c) to[c] = rgb[c * stride + x] * to[3];
  }
}

void PushCellsTarget(const float* top, const float* bottom, size_t fine_count, size_t count, float* cells) {
  const CellTag d;
  for (size_t x = 0; x < count; ++x, cells += 4) {
    const bool has_right = 2 * x + 1 < fine_count;
    for (size_t c = 0; c < 4; c += kCellLanes) {
      const size_t at = 8 * x + c;
      auto sum = hn::LoadU(d, top + at);
      if (has_right) sum = hn::Add(sum, hn::LoadU(d, top + at + 4));
      if (bottom != nullptr) {
        sum = hn::Add(sum, hn::LoadU(d, bottom + at));
        if (has_right) sum = hn::Add(sum, hn::LoadU(d, bottom + at + 4));
      }
      hn::StoreU(sum, d, cells + c);
    }
  }
}

void PullCellsTarget(const float* near, const float* far, size_t coarse_count, float coarse_weight, size_t count,
                     float* cells) {
  const CellTag d;
  const auto own = hn::Set(d, 0.75f), other = hn::Set(d, 0.25f), weight = hn::Set(d, coarse_weight);
  for (size_t x = 0; x < count; ++x, cells += 4) {
    const size_t close = x / 2;
    const size_t beside = x % 2 == 0 ? (close > 0 ? close - 1 : 0) : std::min(close + 1, coarse_count - 1);
    const auto scale = hn::Set(d, 1 / (cells[3] + coarse_weight));
    for (size_t c = 0; c < 4; c += kCellLanes) {
      const auto between = [&](const float* row) HWY_ATTR {
        return hn::Add(hn::Mul(own, hn::LoadU(d, row + 4 * close + c)),
                       hn::Mul(other, hn::LoadU(d, row + 4 * beside + c)));
      };
      const auto enlarged = hn::Add(hn::Mul(own, between(near)), hn::Mul(other, between(far)));
      hn::StoreU(hn::Mul(hn::Add(hn::LoadU(d, cells + c), hn::Mul(weight, enlarged)), scale), d, cells + c);
    }
  }
}

void SplitCellsTarget(const float* cells, size_t count, float* red, float* green, float* blue) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t x = 0;
  for (; x + lanes <= count; x += lanes) {
    hn::Vec<decltype(d)> r, g, b, weight;
    hn::LoadInterleaved4(d, cells + 4 * x, r, g, b, weight);
    hn::StoreU(r, d, red + x);
    hn::StoreU(g, d, green + x);
    hn::StoreU(b, d, blue + x);
  }
  for (; x < count; ++x) red[x] = cells[4 * x], green[x] = cells[4 * x + 1], blue[x] = cells[4 * x + 2];
}

}  // namespace decal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal {

HWY_EXPORT(WeighCellsTarget);
HWY_EXPORT(PushCellsTarget);
HWY_EXPORT(PullCellsTarget);
HWY_EXPORT(SplitCellsTarget);

void WeighCells(const float* rgb, size_t stride, const float* alpha, bool back, float least, size_t count,
                float* cells) {
  HWY_DYNAMIC_DISPATCH(WeighCellsTarget)(rgb, stride, alpha, back, least, count, cells);
}

void PushCells(const float* top, const float* bottom, size_t fine_count, size_t count, float* cells) {
  HWY_DYNAMIC_DISPATCH(PushCellsTarget)(top, bottom, fine_count, count, cells);
}

void PullCells(const float* near, const float* far, size_t coarse_count, float coarse_weight, size_t count,
               float* cells) {
  HWY_DYNAMIC_DISPATCH(PullCellsTarget)(near, far, coarse_count, coarse_weight, count, cells);
}

void SplitCells(const float* cells, size_t count, float* red, float* green, float* blue) {
  HWY_DYNAMIC_DISPATCH(SplitCellsTarget)(cells, count, red, green, blue);
}

}  // namespace decal
#endif  // HWY_ONCE
