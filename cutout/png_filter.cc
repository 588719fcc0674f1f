// Every filter is scored without being stored, all five in one pass over the row, and the best one is run again into
// the output.
// SPDX-License-Identifier: MIT
#include "decal/png_filter.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cutout/png_filter.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace decal::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<uint8_t>;
using Bytes = hn::Vec<Tag>;

// A vector of bytes of a row with the bytes that predict them: one pixel to the left, above, and above left.
struct Neighbours {
  Bytes byte, left, above, above_left;
};

HWY_INLINE Bytes AbsoluteDifference(Bytes a, Bytes b) { return hn::Or(hn::SaturatedSub(a, b), hn::SaturatedSub(b, a)); }

// The distances of the estimate left + above - above_left from the three, in 8 bits. The third is the sum of the other
// two where they point the same way, else their difference. A sum that does not fit is at least as large as either,
// which is all that counts.
HWY_INLINE Bytes PredictPaeth(Tag d, const Neighbours& n) {
  const Bytes above_ahead = hn::SaturatedSub(n.above, n.above_left);
  const Bytes above_behind = hn::SaturatedSub(n.above_left, n.above);
  const Bytes left_ahead = hn::SaturatedSub(n.left, n.above_left);
  const Bytes left_behind = hn::SaturatedSub(n.above_left, n.left);
  const Bytes to_left = hn::Or(above_ahead, above_behind);
  const Bytes to_above = hn::Or(left_ahead, left_behind);
  const Bytes opposite = hn::Or(hn::Min(above_ahead, left_behind), hn::Min(above_behind, left_ahead));
  const Bytes to_above_left = hn::IfThenElse(hn::Eq(opposite, hn::Zero(d)), hn::SaturatedAdd(to_left, to_above),
                                             AbsoluteDifference(to_left, to_above));
  const Bytes nearer = hn::Min(to_above, to_above_left);
  const Bytes not_left = hn::IfThenElse(hn::Eq(nearer, to_above), n.above, n.above_left);
  return hn::IfThenElse(hn::Eq(hn::Min(to_left, nearer), to_left), n.left, not_left);
}

// What filter `kFilter`, numbered as in the file format, leaves of the bytes.
template <int kFilter>
HWY_INLINE Bytes Difference(Tag d, const Neighbours& n) {
  if constexpr (kFilter == 0) return n.byte;
  if constexpr (kFilter == 1) return hn::Sub(n.byte, n.left);
  if constexpr (kFilter == 2) return hn::Sub(n.byte, n.above);
  if constexpr (kFilter == 3) {
    // AverageRound rounds up; a sum is odd where the lowest bits differ.
    const Bytes odd = hn::And(hn::Xor(n.left, n.above), hn::Set(d, 1));
    return hn::Sub(n.byte, hn::Sub(hn::AverageRound(n.left, n.above), odd));
  }
  if constexpr (kFilter == 4) return hn::Sub(n.byte, PredictPaeth(d, n));
}

// One row and the one above it; above row 0 there is a pixel or vector of zeros that is read again and again.
struct Rows {
  const uint8_t* row;
  const uint8_t* above;
  size_t above_step;  // 1, or 0 above row 0
};

HWY_INLINE Bytes LoadFirst(Tag d, const uint8_t* from, size_t count) {
  HWY_ALIGN uint8_t lanes[hn::MaxLanes(Tag())] = {};
  std::memcpy(lanes, from, count);
  return hn::Load(d, lanes);
}

// Calls `fn(i, count, neighbours)` for all bytes of the row in turn. Behind `count` bytes, if that is less than a
// vector, everything is 0 and so is every difference.
template <size_t kPixelBytes, class Fn>
HWY_INLINE void ForVectors(Tag d, const Rows& rows, size_t bytes, const Fn& fn) {
  const size_t lanes = hn::Lanes(d);
  const Bytes zero = hn::Zero(d);
  // At once, except on Highway's scalar target, where a vector is a byte.
  constexpr size_t kFirst = HWY_MIN(kPixelBytes, hn::MaxLanes(Tag()));
  size_t i = 0;
  for (; i < kPixelBytes; i += kFirst) {
    const Bytes above = LoadFirst(d, rows.above + i * rows.above_step, kFirst);
    fn(i, kFirst, Neighbours{LoadFirst(d, rows.row + i, kFirst), zero, above, zero});
  }
  for (; i + lanes <= bytes; i += lanes) {
    const uint8_t* row = rows.row + i;
    const uint8_t* above = rows.above + i * rows.above_step;
    const uint8_t* above_left = rows.above + (i - kPixelBytes) * rows.above_step;
    fn(i, lanes,
       Neighbours{hn::LoadU(d, row), hn::LoadU(d, row - kPixelBytes), hn::LoadU(d, above), hn::LoadU(d, above_left)});
  }
  if (i == bytes) return;
  const size_t left = bytes - i;
  const uint8_t* above = rows.above + i * rows.above_step;
  const uint8_t* above_left = rows.above + (i - kPixelBytes) * rows.above_step;
  fn(i, left,
     Neighbours{LoadFirst(d, rows.row + i, left), LoadFirst(d, rows.row + i - kPixelBytes, left),
                LoadFirst(d, above, left), LoadFirst(d, above_left, left)});
}

// A sum of bytes in several lanes.
#if HWY_TARGET == HWY_WASM
using SumTag = hn::ScalableTag<uint32_t>;
HWY_INLINE hn::Vec<SumTag> AddBytes(hn::Vec<SumTag> sum, Bytes v) {
  // Highway's SumsOf8 takes eleven instructions here, these are three.
  const v128_t pairs = wasm_u16x8_extadd_pairwise_u8x16(v.raw);
  return hn::Add(sum, hn::Vec<SumTag>{wasm_i32x4_extadd_pairwise_i16x8(pairs)});  // at most 510: the sign is free
}
#elif HWY_TARGET == HWY_SCALAR
using SumTag = hn::ScalableTag<uint32_t>;
HWY_INLINE hn::Vec<SumTag> AddBytes(hn::Vec<SumTag> sum, Bytes v) { return hn::Add(sum, hn::PromoteTo(SumTag(), v)); }
#else
using SumTag = hn::ScalableTag<uint64_t>;
HWY_INLINE hn::Vec<SumTag> AddBytes(hn::Vec<SumTag> sum, Bytes v) { return hn::Add(sum, hn::SumsOf8(v)); }
#endif
using Sum = hn::Vec<SumTag>;

HWY_INLINE uint64_t Total(Sum sum) {
  const SumTag d;
  HWY_ALIGN hn::TFromD<SumTag> lanes[hn::MaxLanes(SumTag())];
  hn::Store(sum, d, lanes);
  uint64_t total = 0;
  for (size_t i = 0; i < hn::Lanes(d); ++i) total += lanes[i];
  return total;
}

// The number of the filter whose differences, read as signed bytes, have the smallest sum of magnitudes; of equals the
// first.
template <size_t kPixelBytes>
HWY_NOINLINE int BestFilter(const Rows& rows, size_t bytes) {
  const Tag d;
  const Bytes zero = hn::Zero(d);
  const auto magnitude = [&](Bytes v) HWY_ATTR { return hn::Min(v, hn::Sub(zero, v)); };
  Sum none = hn::Zero(SumTag()), sub = none, up = none, average = none, paeth = none;
  ForVectors<kPixelBytes>(d, rows, bytes, [&](size_t, size_t, const Neighbours& n) HWY_ATTR {
    none = AddBytes(none, magnitude(Difference<0>(d, n)));
    sub = AddBytes(sub, magnitude(Difference<1>(d, n)));
    up = AddBytes(up, magnitude(Difference<2>(d, n)));
    average = AddBytes(average, magnitude(Difference<3>(d, n)));
    paeth = AddBytes(paeth, magnitude(Difference<4>(d, n)));
  });
  const uint64_t totals[] = {Total(none), Total(sub), Total(up), Total(average), Total(paeth)};
  return static_cast<int>(std::min_element(std::begin(totals), std::end(totals)) - totals);
}

template <size_t kPixelBytes, int kFilter>
HWY_NOINLINE void Write(const Rows& rows, size_t bytes, uint8_t* out) {
  const Tag d;
  const size_t lanes = hn::Lanes(d);
  ForVectors<kPixelBytes>(d, rows, bytes, [&](size_t i, size_t count, const Neighbours& n) HWY_ATTR {
    const Bytes difference = Difference<kFilter>(d, n);
    if (count == lanes) return hn::StoreU(difference, d, out + i);
    HWY_ALIGN uint8_t first[hn::MaxLanes(Tag())];
    hn::Store(difference, d, first);
    std::memcpy(out + i, first, std::min(count, hn::MaxLanes(d)));  // the least, for g++'s bounds check alone
  });
}

template <size_t kPixelBytes>
void FilterRow(const uint8_t* row, const uint8_t* above, size_t bytes, uint8_t* out) {
  HWY_ALIGN static constexpr uint8_t kZeros[hn::MaxLanes(Tag())] = {};
  const Rows rows = {row, above ? above : kZeros, above ? size_t{1} : size_t{0}};
  const int filter = BestFilter<kPixelBytes>(rows, bytes);
  *out++ = static_cast<uint8_t>(filter);
  switch (filter) {
    case 0: return static_cast<void>(std::memcpy(out, row, bytes));
    case 1: return Write<kPixelBytes, 1>(rows, bytes, out);
    case 2: return Write<kPixelBytes, 2>(rows, bytes, out);
    case 3: return Write<kPixelBytes, 3>(rows, bytes, out);
    case 4: return Write<kPixelBytes, 4>(rows, bytes, out);
  }
}

}  // namespace

void FilterPngRowTarget(const uint8_t* row, const uint8_t* above, size_t bytes, [[maybe_unused]] size_t pixel_bytes,
                        uint8_t* out) {
#if !HWY_ARCH_WASM  // whose hosts write RGBA alone
  if (pixel_bytes == 1) return FilterRow<1>(row, above, bytes, out);
  if (pixel_bytes == 3) return FilterRow<3>(row, above, bytes, out);
#endif
  FilterRow<4>(row, above, bytes, out);
}

}  // namespace decal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal {

HWY_EXPORT(FilterPngRowTarget);

void FilterPngRow(const uint8_t* row, const uint8_t* above, int width, int channels, uint8_t* out) {
  const size_t pixel_bytes = static_cast<size_t>(channels);
  HWY_DYNAMIC_DISPATCH(FilterPngRowTarget)(row, above, pixel_bytes * static_cast<size_t>(width), pixel_bytes, out);
}

void FilterPngRows(const uint8_t* rgba, int width, int first, int count, uint8_t* out, ThreadRunner& runner) {
  const size_t bytes = 4 * static_cast<size_t>(width);
  ParallelFor(runner, static_cast<size_t>(count), [&](size_t i, size_t) {
    const size_t y = static_cast<size_t>(first) + i;
    const uint8_t* row = rgba + y * bytes;
    FilterPngRow(row, y == 0 ? nullptr : row - bytes, width, 4, out + i * (bytes + 1));
  });
}

}  // namespace decal
#endif  // HWY_ONCE
