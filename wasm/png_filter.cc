// PNG scanline filters: the part of writing a PNG that is worth doing in SIMD.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>

#include "wasm/png_filter.h"

namespace decal {
namespace {

constexpr size_t kPixelBytes = 4;

enum Filter : uint8_t { kNone, kSub, kUp, kAverage, kPaeth, kFilters };

// The predictors of the PNG specification, section 9.2: a is left, b above, c above left.
uint8_t Paeth(uint8_t a, uint8_t b, uint8_t c) {
  // Differences of the initial estimate a + b - c, written so that they vectorise in 16 bits.
  const int16_t pa = static_cast<int16_t>(b - c), pb = static_cast<int16_t>(a - c);
  const int16_t pc = static_cast<int16_t>(pa + pb);
  const int16_t da = static_cast<int16_t>(pa < 0 ? -pa : pa), db = static_cast<int16_t>(pb < 0 ? -pb : pb);
  const int16_t dc = static_cast<int16_t>(pc < 0 ? -pc : pc);
  const uint8_t b_or_c = db <= dc ? b : c;
  return (da <= db && da <= dc) ? a : b_or_c;
}

uint8_t Predict(Filter filter, uint8_t a, uint8_t b, uint8_t c) {
  switch (filter) {
    case kSub: return a;
    case kUp: return b;
    case kAverage: return static_cast<uint8_t>((a + b) >> 1);
    case kPaeth: return Paeth(a, b, c);
    default: return 0;
  }
}

// Writes the residuals and returns the sum of their absolute values (as signed bytes). `above` is null in
// the first row.
template <Filter kFilter>
uint32_t Apply(const uint8_t* __restrict row, const uint8_t* __restrict above, size_t bytes, uint8_t* __restrict out) {
  uint32_t sum = 0;
  const auto store = [&](size_t i, uint8_t a, uint8_t b, uint8_t c) {
    out[i] = static_cast<uint8_t>(row[i] - Predict(kFilter, a, b, c));
    sum += static_cast<uint32_t>(std::abs(static_cast<int8_t>(out[i])));
  };
  if (above == nullptr) {
    for (size_t i = 0; i < kPixelBytes; ++i) store(i, 0, 0, 0);
    for (size_t i = kPixelBytes; i < bytes; ++i) store(i, row[i - kPixelBytes], 0, 0);
  } else {
    for (size_t i = 0; i < kPixelBytes; ++i) store(i, 0, above[i], 0);
    for (size_t i = kPixelBytes; i < bytes; ++i) store(i, row[i - kPixelBytes], above[i], above[i - kPixelBytes]);
  }
  return sum;
}

uint32_t Apply(Filter filter, const uint8_t* row, const uint8_t* above, size_t bytes, uint8_t* out) {
  switch (filter) {
    case kSub: return Apply<kSub>(row, above, bytes, out);
    case kUp: return Apply<kUp>(row, above, bytes, out);
    case kAverage: return Apply<kAverage>(row, above, bytes, out);
    case kPaeth: return Apply<kPaeth>(row, above, bytes, out);
    default: return Apply<kNone>(row, above, bytes, out);
  }
}

}  // namespace

void FilterPngRow(const uint8_t* row, const uint8_t* above, size_t width, uint8_t* out) {
  const size_t bytes = width * kPixelBytes;
  // Every candidate is written in place; a row that loses is simply overwritten, and the winner is made
  // again unless it came last. That needs no memory of its own.
  Filter best = kNone;
  uint32_t best_sum = UINT32_MAX;
  Filter last = kNone;
  for (const Filter filter : {kNone, kAverage, kUp, kSub, kPaeth}) {
    last = filter;
    const uint32_t sum = Apply(filter, row, above, bytes, out + 1);
    if (sum < best_sum) {
      best_sum = sum;
      best = filter;
    }
    if (sum == 0) break;  // a row of the backdrop: nothing can be better
  }
  if (best != last) Apply(best, row, above, bytes, out + 1);
  out[0] = best;
}

}  // namespace decal
