// Attention on the register tile of the product kernels: the scores of a few queries stay in the first-level cache.
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/attention.h"

#include <algorithm>
#include <limits>

#include "engine/cpu/simd/indirect_conv.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/simd/attention.cc"
#include "hwy/foreach_target.h"  // must come before highway.h

#include "engine/base/assert.h"
#include "engine/base/buffer.h"
#include "engine/cpu/simd/activation-inl.h"
#include "engine/cpu/simd/indirect_conv-inl.h"
#include "hwy/highway.h"

#ifndef DECAL_ENGINE_CPU_ATTENTION_CC_
#define DECAL_ENGINE_CPU_ATTENTION_CC_
namespace decal::cpu {
namespace {

// Keys of a block. Those of Swin's windows (49 and 144) fit one block, and the scores of a tile of 8 queries take 8 KB.
constexpr size_t kBlockKeys = 256;

// Floats of each part of the scratch memory, each a whole number of panels.
struct AttentionScratch {
  AttentionScratch(const AttentionShape& shape, const TileShape& tile)
      : keys(RoundUp(std::min(shape.keys, kBlockKeys), tile.width)), packed_k(keys * shape.depth),
        packed_v(keys * RoundUp(shape.columns, tile.width)), scores(tile.rows * keys) {}
  size_t total() const { return packed_k + packed_v + scores + 2 * kAttentionQueries; }

  size_t keys, packed_k, packed_v, scores;
};

}  // namespace
}  // namespace decal::cpu
#endif  // DECAL_ENGINE_CPU_ATTENTION_CC_

HWY_BEFORE_NAMESPACE();
namespace decal::cpu::HWY_NAMESPACE {

// packed[k][j] = rows[j][k] for one panel of `width` columns. Columns after the last key repeat it; their scores are
// overwritten.
HWY_NOINLINE void PackKeys(const float* keys, ptrdiff_t row, size_t count, size_t depth, size_t width, float* packed) {
#if HWY_TARGET == HWY_SCALAR  // GCC's fallback: panels of two columns, no vectors of four
  for (size_t j = 0; j < width; ++j)
    for (size_t k = 0; k < depth; ++k)
      packed[k * width + j] = keys[static_cast<ptrdiff_t>(std::min(j, count - 1)) * row + static_cast<ptrdiff_t>(k)];
#else
  const hn::FixedTag<float, 4> d;
  for (size_t j = 0; j < width; j += 4) {
    const float* from[4];
    for (size_t i = 0; i < 4; ++i) from[i] = keys + static_cast<ptrdiff_t>(std::min(j + i, count - 1)) * row;
    float* to = packed + j;
    size_t k = 0;
    for (; k + 4 <= depth; k += 4, to += 4 * width) {
      const auto a = hn::LoadU(d, from[0] + k), b = hn::LoadU(d, from[1] + k);
      const auto c = hn::LoadU(d, from[2] + k), e = hn::LoadU(d, from[3] + k);
      const auto ac0 = hn::InterleaveLower(d, a, c), be0 = hn::InterleaveLower(d, b, e);
      const auto ac1 = hn::InterleaveUpper(d, a, c), be1 = hn::InterleaveUpper(d, b, e);
      hn::StoreU(hn::InterleaveLower(d, ac0, be0), d, to);
      hn::StoreU(hn::InterleaveUpper(d, ac0, be0), d, to + width);
      hn::StoreU(hn::InterleaveLower(d, ac1, be1), d, to + 2 * width);
      hn::StoreU(hn::InterleaveUpper(d, ac1, be1), d, to + 3 * width);
    }
    for (; k < depth; ++k, to += width)
      for (size_t i = 0; i < 4; ++i) to[i] = from[i][k];
  }
#endif
}

// One panel of values: `columns` (at most `width`) of each row, followed by zeros.
HWY_NOINLINE void PackValues(const float* values, ptrdiff_t row, size_t count, size_t columns, size_t width,
                             float* packed) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  for (size_t n = 0; n < count; ++n, values += row) {
    for (size_t c = 0; c < width; c += lanes, packed += lanes) {
      if (c + lanes <= columns) hn::StoreU(hn::LoadU(d, values + c), d, packed);
      else hn::StoreU(LoadPartial(d, values + c, columns > c ? columns - c : 0), d, packed);
    }
  }
}

// A tile of queries. If there are too few, the last one is repeated.
struct QueryTile {
  size_t first, count;
  const float* rows[kTileRows];
};

// Scores of the tile against one panel of `valid` keys from `key` on; -infinity after them.
template <size_t kVectors>
HWY_NOINLINE void ScorePanel(const AttentionShape& shape, const AttentionBuffers& buffers, const QueryTile& tile,
                             const float* packed, size_t key, size_t valid, float* scores, size_t score_row) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  FloatVector acc[kTileRows][kVectors];
  Accumulate<kVectors>(tile.rows, 1, shape.depth, packed, acc);
  const FloatVector scale = hn::Set(d, shape.scale);
  for (size_t i = 0; i < kTileRows; ++i)
    for (size_t v = 0; v < kVectors; ++v) hn::StoreU(hn::Mul(acc[i][v], scale), d, scores + i * score_row + v * lanes);
  for (const AttentionBias& bias : buffers.biases) {
    if (bias.data == nullptr) continue;
    for (size_t i = 0; i < tile.count; ++i) {
      const float* from = bias.data + static_cast<ptrdiff_t>(tile.first + i) * bias.row + key;
      float* to = scores + i * score_row;
      size_t n = 0;
      for (; n + lanes <= valid; n += lanes)
        hn::StoreU(hn::Add(hn::LoadU(d, to + n), hn::LoadU(d, from + n)), d, to + n);
      if (n < valid) hn::StoreU(hn::Add(hn::LoadU(d, to + n), LoadPartial(d, from + n, valid - n)), d, to + n);
    }
  }
  for (size_t i = 0; i < tile.count; ++i)
    for (size_t n = valid; n < kVectors * lanes; ++n)
      scores[i * score_row + n] = -std::numeric_limits<float>::infinity();
}

// Replaces a row of scores by exponentials relative to its largest score so far. Returns the factor for earlier sums.
HWY_INLINE float Exponentials(float* scores, size_t n, float& largest, float& sum) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  FloatVector top = hn::Set(d, largest);
  for (size_t i = 0; i < n; i += lanes) top = hn::Max(top, hn::LoadU(d, scores + i));
  const float now = hn::GetLane(hn::MaxOfLanes(d, top));
  const FloatVector shift = hn::Set(d, now);
  FloatVector total = hn::Zero(d);
  for (size_t i = 0; i < n; i += lanes) {
    const FloatVector e = VectorExp(d, hn::Sub(hn::LoadU(d, scores + i), shift));
    hn::StoreU(e, d, scores + i);
    total = hn::Add(total, e);
  }
  const float correction = hn::GetLane(VectorExp(d, hn::Set(d, largest - now)));
  largest = now;
  sum = sum * correction + hn::GetLane(hn::SumOfLanes(d, total));
  return correction;
}

// out = (out * before + exponentials * values) * after for one panel of values; `before` is not used in the first
// block.
template <size_t kVectors>
HWY_NOINLINE void ValuePanel(const float* const* rows, size_t keys, const float* packed, size_t count, size_t columns,
                             bool first_block, const float* before, const float* after, float* out, ptrdiff_t out_row) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  FloatVector acc[kTileRows][kVectors];
  Accumulate<kVectors>(rows, 1, keys, packed, acc);
  // Through memory: a loop of `count` turns over the accumulators would keep them out of registers above.
  HWY_ALIGN float sums[kTileRows * kVectors * hn::MaxLanes(FloatTag())];
  for (size_t i = 0; i < kTileRows; ++i)
    for (size_t v = 0; v < kVectors; ++v) hn::Store(acc[i][v], d, sums + (i * kVectors + v) * lanes);
  for (size_t i = 0; i < count; ++i, out += out_row) {
    const FloatVector b = hn::Set(d, before[i]), a = hn::Set(d, after[i]);
    for (size_t c = 0; c < std::min(columns, kVectors * lanes); c += lanes) {
      const size_t left = columns - c;
      FloatVector y = hn::Load(d, sums + i * kVectors * lanes + c);
      if (!first_block) y = FusedMulAdd(left >= lanes ? hn::LoadU(d, out + c) : LoadPartial(d, out + c, left), b, y);
      y = hn::Mul(y, a);
      if (left >= lanes) hn::StoreU(y, d, out + c);
      else StorePartial(y, d, out + c, left);
    }
  }
}

void RunAttentionTarget(const AttentionShape& shape, const AttentionBuffers& buffers, size_t first, size_t count,
                        std::byte* memory) {
  const size_t lanes = hn::Lanes(FloatTag()), width = 2 * lanes;
  const AttentionScratch sizes(shape, {kTileRows, lanes, width});
  float* const packed_k = reinterpret_cast<float*>(memory);
  float* const packed_v = packed_k + sizes.packed_k;
  float* const scores = packed_v + sizes.packed_v;
  float* const largest = scores + sizes.scores;
  float* const sums = largest + kAttentionQueries;
  // Not -infinity, because a block of masked keys alone would then give infinity - infinity.
  std::fill_n(largest, count, std::numeric_limits<float>::lowest());
  std::fill_n(sums, count, 0.0f);
  const auto panel_width = [&](size_t left) { return left <= lanes ? lanes : width; };

  for (size_t key = 0; key < shape.keys; key += kBlockKeys) {
    const size_t keys = std::min(kBlockKeys, shape.keys - key);
    for (size_t n = 0; n < keys; n += width)
      PackKeys(buffers.k + static_cast<ptrdiff_t>(key + n) * shape.k_row, shape.k_row, keys - n, shape.depth,
               panel_width(keys - n), packed_k + n * shape.depth);
    for (size_t c = 0; c < shape.columns; c += width)
      PackValues(buffers.v + static_cast<ptrdiff_t>(key) * shape.v_row + c, shape.v_row, keys, shape.columns - c,
                 panel_width(shape.columns - c), packed_v + c * keys);

    for (size_t m = 0; m < count; m += kTileRows) {
      QueryTile tile{first + m, std::min(kTileRows, count - m), {}};
      for (size_t i = 0; i < kTileRows; ++i)
        tile.rows[i] = buffers.q + static_cast<ptrdiff_t>(first + m + std::min(i, tile.count - 1)) * shape.q_row;
      for (size_t n = 0; n < keys; n += width) {
        const bool narrow = panel_width(keys - n) == lanes;
        (narrow ? ScorePanel<1> : ScorePanel<2>)(shape, buffers, tile, packed_k + n * shape.depth, key + n,
                                                 std::min(keys - n, narrow ? lanes : width), scores + n, sizes.keys);
      }
      float before[kTileRows], after[kTileRows];
      const float* rows[kTileRows];
      const bool last = key + keys == shape.keys;
      for (size_t i = 0; i < kTileRows; ++i) rows[i] = scores + std::min(i, tile.count - 1) * sizes.keys;
      for (size_t i = 0; i < tile.count; ++i) {
        before[i] = Exponentials(scores + i * sizes.keys, RoundUp(keys, lanes), largest[m + i], sums[m + i]);
        after[i] = last ? 1.0f / sums[m + i] : 1.0f;
      }
      float* out = buffers.out + static_cast<ptrdiff_t>(first + m) * shape.out_row;
      for (size_t c = 0; c < shape.columns; c += width) {
        const bool narrow = panel_width(shape.columns - c) == lanes;
        (narrow ? ValuePanel<1> : ValuePanel<2>)(rows, keys, packed_v + c * keys, tile.count, shape.columns - c,
                                                 key == 0, before, after, out + c, shape.out_row);
      }
    }
  }
}

}  // namespace decal::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace decal::cpu {

HWY_EXPORT(RunAttentionTarget);

size_t AttentionScratchBytes(const AttentionShape& shape) {
  return AttentionScratch(shape, IndirectConvTileShape()).total() * sizeof(float);
}

void RunAttention(const AttentionShape& shape, const AttentionBuffers& buffers, size_t first, size_t count,
                  std::byte* scratch) {
  DECAL_DASSERT(count <= kAttentionQueries && first + count <= shape.queries);
  DECAL_DASSERT(shape.keys > 0);
  DECAL_DASSERT(IsAligned(scratch, kAlignment));
  HWY_DYNAMIC_DISPATCH(RunAttentionTarget)(shape, buffers, first, count, scratch);
}

}  // namespace decal::cpu
#endif  // HWY_ONCE
