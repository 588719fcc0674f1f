// A vector of pixels through the linear model of alpha, and apart into the colours of both sides.
// SPDX-License-Identifier: MIT
#include "cutout/edge_rows.h"

#include <algorithm>
#include <cstring>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cutout/edge_rows.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "cutout/pixel-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::HWY_NAMESPACE {
namespace {

HWY_INLINE Floats Limited(Floats values, float most) {
  const FloatTag d;
  return cpu::HWY_NAMESPACE::AtMost(hn::Max(values, hn::Zero(d)), hn::Set(d, most));
}

template <bool kAlphaKnown, bool kSlopes>
HWY_INLINE void RefineAll(const EdgeRowPair& rows, bool colours, const uint8_t* from, size_t count, float* alpha,
                          const float* known, uint8_t* to) {
  const FloatTag d;
  const Floats top_weight = hn::Set(d, rows.top_weight), bottom_weight = hn::Set(d, rows.bottom_weight);
  const Floats one = hn::Set(d, 1.0f), to_unit = hn::Set(d, 1.0f / 255), to_byte = hn::Set(d, 255.0f);
  for (size_t x = 0; x < count; x += hn::Lanes(d)) {
    const auto plane = [&](int index) HWY_ATTR {
      return hn::Add(hn::Mul(top_weight, hn::LoadU(d, rows.top[index] + x)),
                     hn::Mul(bottom_weight, hn::LoadU(d, rows.bottom[index] + x)));
    };
    const Words pixels = LoadPixels(from + 4 * x);
    const Floats rgb[3] = {hn::Mul(ChannelLanes<0>(pixels), to_unit), hn::Mul(ChannelLanes<1>(pixels), to_unit),
                           hn::Mul(ChannelLanes<2>(pixels), to_unit)};
    Floats a;
    if constexpr (kAlphaKnown) {
      a = hn::LoadU(d, known + x);
    } else {
      a = plane(kOffset);
      if constexpr (kSlopes) {
        for (int c = 0; c < 3; ++c) a = hn::Add(a, hn::Mul(plane(kSlope + c), rgb[c]));
      }
      a = Limited(a, 1.0f);
      hn::StoreU(a, d, alpha + x);
      if (!colours) {
        StorePixels(pixels, to + 4 * x);
        continue;
      }
    }
    const Floats rest = hn::Sub(one, a);
    const Floats share = hn::Div(a, hn::Add(hn::Mul(a, a), hn::Mul(rest, rest)));
    Words own[3];
    for (int c = 0; c < 3; ++c) {
      const Floats front = plane(kFront + c);
      const Floats mixed = hn::Add(hn::Mul(a, front), hn::Mul(rest, plane(kBack + c)));
      const Floats colour = hn::Add(front, hn::Mul(share, hn::Sub(rgb[c], mixed)));
      own[c] = ToByteLanes(hn::Mul(Limited(colour, 1.0f), to_byte));
    }
    StorePixels(PackLanes(own[0], own[1], own[2], hn::ShiftRight<24>(pixels)), to + 4 * x);
  }
}

}  // namespace

void RefinePixelsTarget(const EdgeRowPair& rows, bool slopes, bool colours, const uint8_t* from, size_t count,
                        float* alpha, uint8_t* to) {
  if (slopes) RefineAll<false, true>(rows, colours, from, count, alpha, nullptr, to);
  else RefineAll<false, false>(rows, colours, from, count, alpha, nullptr, to);
}

void TakeApartTarget(const EdgeRowPair& rows, const uint8_t* from, size_t count, const float* alpha, uint8_t* to) {
  RefineAll<true, false>(rows, true, from, count, nullptr, alpha, to);
}

void EnlargeRunTarget(const float* from, const int32_t* first, const float* weights, size_t count, float* to) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  size_t x = 0;
  for (; x + lanes <= count; x += lanes) {
    const auto places = hn::LoadU(SignedTag(), first + x);
    Floats own, next;
    hn::LoadInterleaved2(d, weights + 2 * x, own, next);
    hn::StoreU(
        hn::Add(hn::Mul(own, hn::GatherIndex(d, from, places)), hn::Mul(next, hn::GatherIndex(d, from + 1, places))), d,
        to + x);
  }
  for (; x < count; ++x) to[x] = weights[2 * x] * from[first[x]] + weights[2 * x + 1] * from[first[x] + 1];
}

}  // namespace decal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cutout/matte_rows.h"

namespace decal {
namespace {

constexpr uint8_t kMixedChunk = 2;

size_t Stride(int width) { return AlignUp(static_cast<size_t>(width), kEdgeChunk); }

}  // namespace

HWY_EXPORT(RefinePixelsTarget);
HWY_EXPORT(TakeApartTarget);
HWY_EXPORT(EnlargeRunTarget);

void RefinePixels(const EdgeRowPair& rows, bool slopes, bool colours, const uint8_t* from, size_t count, float* alpha,
                  uint8_t* to) {
  HWY_DYNAMIC_DISPATCH(RefinePixelsTarget)(rows, slopes, colours, from, count, alpha, to);
}

void TakeApart(const EdgeRowPair& rows, const uint8_t* from, size_t count, const float* alpha, uint8_t* to) {
  HWY_DYNAMIC_DISPATCH(TakeApartTarget)(rows, from, count, alpha, to);
}

namespace {

// to[x] = weights[2 x] * from[first[x]] + weights[2 x + 1] * from[first[x] + 1], x < count.
void EnlargeRun(const float* from, const int32_t* first, const float* weights, size_t count, float* to) {
  HWY_DYNAMIC_DISPATCH(EnlargeRunTarget)(from, first, weights, count, to);
}

}  // namespace

size_t EdgeRows::ScratchFloats(int picture_width, const EdgeFields& fields) {
  // Two rows of each plane, alpha, pixels, zeros and ones, and three bytes a chunk.
  return (2 * static_cast<size_t>(fields.plane_count()) + 5) * Stride(picture_width);
}

EdgeRows::EdgeRows(const EdgeFields& fields, const ResampleAxis& rows, const ResampleAxis& columns, float* scratch,
                   const AlphaPlane* plane, bool moved)
    : fields_(fields), rows_(rows), columns_(columns), plane_(plane), moved_(moved), stride_(Stride(columns.output())) {
  const size_t planes = static_cast<size_t>(fields.plane_count());
  // What lies behind the last pixel is computed with the rest of its chunk and not used.
  std::fill_n(scratch, ScratchFloats(columns.output(), fields), 0.0f);
  planes_[0] = scratch;
  planes_[1] = scratch + planes * stride_;
  alpha_ = scratch + 2 * planes * stride_;
  pixels_ = alpha_ + stride_;
  constant_[0] = pixels_ + stride_;
  constant_[1] = constant_[0] + stride_;
  chunks_ = reinterpret_cast<uint8_t*>(constant_[1] + stride_);
  enlarged_[0] = chunks_ + stride_ / kEdgeChunk;
  enlarged_[1] = enlarged_[0] + stride_ / kEdgeChunk;
  std::fill_n(constant_[1], stride_, 1.0f);
}

// Row `row` of the grid's planes, where a chunk needs them and does not have them.
void EdgeRows::Enlarge(int row, int side) {
  const size_t width = static_cast<size_t>(columns_.output()), chunks = stride_ / kEdgeChunk;
  uint8_t* enlarged = enlarged_[side];
  if (held_[side] != row) std::fill_n(enlarged, chunks, uint8_t{0});
  held_[side] = row;
  for (size_t chunk = 0, end; chunk < chunks; chunk = end) {
    const auto wanted = [&](size_t i) { return i < chunks && chunks_[i] == kMixedChunk && enlarged[i] == 0; };
    for (end = chunk; wanted(end); ++end) enlarged[end] = 1;
    if (end == chunk) {
      ++end;
      continue;
    }
    const size_t begin = chunk * kEdgeChunk, count = std::min(end * kEdgeChunk, width) - begin;
    const int first_plane = plane_ != nullptr && !moved_ ? kFront : fields_.has_slopes ? kSlope : kOffset;
    for (int p = first_plane; p < fields_.plane_count(); ++p) {
      const float* from = fields_.plane(p) + static_cast<size_t>(row) * static_cast<size_t>(fields_.width);
      EnlargeRun(from, columns_.firsts() + begin, columns_.weights(0) + 2 * begin, count,
                 planes_[side] + static_cast<size_t>(p) * stride_ + begin);
    }
  }
}

// What the chunks between rows `row` and `row` + 1 of the grid need.
void EdgeRows::MarkChunks(int row) {
  marked_ = row;
  if (plane_ != nullptr) return MarkChunksOfPlane(row);
  for (size_t x = 0; x < static_cast<size_t>(columns_.output()); x += kEdgeChunk)
    chunks_[x / kEdgeChunk] = KindByFields(row, x);
}

uint8_t EdgeRows::KindByFields(int row, size_t x) const {
  const size_t width = static_cast<size_t>(columns_.output());
  const size_t at = static_cast<size_t>(row) * static_cast<size_t>(fields_.width);
  const uint8_t* band = fields_.band() + at;
  const int begin = columns_.firsts()[x], end = columns_.firsts()[std::min(x + kEdgeChunk, width) - 1] + 2;
  for (int i = begin; i < end; ++i) {
    if (band[i] || band[fields_.width + i]) return kMixedChunk;
  }
  return fields_.plane(kOffset)[at + static_cast<size_t>(begin)] > 0.5f;
}

// A chunk is one of all rows of the picture that lie there.
void EdgeRows::MarkChunksOfPlane(int row) {
  const int32_t* firsts = rows_.firsts();
  const int32_t* begin = std::lower_bound(firsts, firsts + rows_.output(), row);
  const int32_t* end = std::upper_bound(begin, firsts + rows_.output(), row);
  const size_t width = static_cast<size_t>(columns_.output());
  for (size_t x = 0; x < width; x += kEdgeChunk) {
    uint8_t all = 255, any = 0;
    for (const int32_t* y = begin; y < end && all >= any; ++y) {
      const uint8_t* alpha = plane_->row(static_cast<int>(y - firsts));
      for (size_t i = x; i < std::min(x + kEdgeChunk, width); ++i) all &= alpha[i], any |= alpha[i];
    }
    const bool whole = all == 255 && (!moved_ || KindByFields(row, x) == 1);
    chunks_[x / kEdgeChunk] = any == 0 ? 0 : whole ? 1 : kMixedChunk;
  }
}

template <class RunFn>
void EdgeRows::ForRuns(int y, const RunFn& run) {
  const size_t width = static_cast<size_t>(columns_.output());
  if (const int first = rows_.first(y); marked_ != first) {
    MarkChunks(first);
    if (held_[1] == first) {  // the lower of the two rows is the upper one now
      std::swap(held_[0], held_[1]);
      std::swap(planes_[0], planes_[1]);
      std::swap(enlarged_[0], enlarged_[1]);
    }
    Enlarge(first, 0);
    Enlarge(first + 1, 1);
  }
  for (size_t begin = 0, end; begin < width; begin = end) {
    const uint8_t kind = chunks_[begin / kEdgeChunk];
    for (end = begin; end < width && chunks_[end / kEdgeChunk] == kind;) end += kEdgeChunk;
    run(kind, begin, std::min(end, width) - begin);
  }
}

EdgeRowPair EdgeRows::Pair(int y, size_t begin) const {
  EdgeRowPair pair;
  pair.top_weight = rows_.weights(y)[0];
  pair.bottom_weight = rows_.weights(y)[1];
  for (int p = 0; p < fields_.plane_count(); ++p) {
    pair.top[p] = planes_[0] + static_cast<size_t>(p) * stride_ + begin;
    pair.bottom[p] = planes_[1] + static_cast<size_t>(p) * stride_ + begin;
  }
  return pair;
}

void EdgeRows::Compose(Composition composition, int y, const uint8_t* from, const std::array<uint8_t, 4>& background,
                       uint8_t* to, Span* visible) {
  ForRuns(y, [&](uint8_t kind, size_t begin, size_t count) {
    const uint8_t* pixels = from + 4 * begin;
    const float* alpha = constant_[kind == 1];
    if (kind == kMixedChunk) {
      const EdgeRowPair pair = Pair(y, begin);
      auto* own = reinterpret_cast<uint8_t*>(pixels_);
      std::memcpy(own, pixels, 4 * count);
      const size_t whole = AlignUp(count, kEdgeChunk);
      if (plane_ != nullptr) {
        if (moved_) RefinePixels(pair, fields_.has_slopes, true, own, whole, alpha_, own);
        ToUnit(plane_->row(y) + begin, count, alpha_);
        if (!moved_) TakeApart(pair, own, whole, alpha_, own);
      } else {
        RefinePixels(pair, fields_.has_slopes, fields_.has_colours, own, whole, alpha_, own);
      }
      pixels = own;
      alpha = alpha_;
    }
    if (visible != nullptr && kind != 0) visible->Add(alpha, pixels, begin, count);
    ComposeRow(composition, pixels, {alpha, alpha, 1, 0}, count, background, to + 4 * begin);
  });
}

void EdgeRows::Alpha(int y, const uint8_t* from, uint8_t* to) {
  ForRuns(y, [&](uint8_t kind, size_t begin, size_t count) {
    if (kind != kMixedChunk) {
      std::fill_n(to + begin, count, kind == 1 ? 255 : 0);
      return;
    }
    auto* own = reinterpret_cast<uint8_t*>(pixels_);
    std::memcpy(own, from + 4 * begin, 4 * count);
    RefinePixels(Pair(y, begin), fields_.has_slopes, false, own, AlignUp(count, kEdgeChunk), alpha_, own);
    ToBytes(alpha_, count, to + begin);
  });
}

}  // namespace decal
#endif  // HWY_ONCE
