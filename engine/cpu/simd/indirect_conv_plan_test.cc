// Packing for the implicit GEMM against its plain definition, for any number of threads.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "engine/cpu/simd/indirect_conv.h"
#include "tests/support/seed.h"

namespace decal::cpu {
namespace {

struct Packing {
  IndirectConvShape shape;
  WeightOrder order;
  size_t weights = 0;
};

// Weights [groups * columns][depth][taps], the taps dealt out to `phases` in turn.
Packing ConvPacking(size_t groups, size_t depth, size_t columns, size_t taps, size_t phases) {
  Packing p;
  p.shape.groups = groups;
  p.shape.depth = depth;
  p.shape.columns = columns;
  for (size_t phase = 0; phase < phases; ++phase) {
    const size_t first = p.order.tap_offsets.size();
    for (size_t tap = phase; tap < taps; tap += phases) p.order.tap_offsets.push_back(static_cast<ptrdiff_t>(tap));
    p.shape.phases.push_back({.height = 1, .width = 1, .first_tap = first, .taps = p.order.tap_offsets.size() - first});
  }
  p.shape.taps.resize(taps);
  p.order.depth_stride = static_cast<ptrdiff_t>(taps);
  p.order.column_stride = static_cast<ptrdiff_t>(depth * taps);
  p.order.group_stride = static_cast<ptrdiff_t>(columns * depth * taps);
  p.weights = groups * columns * depth * taps;
  return p;
}

// The order as indirect_conv.h tells it.
template <class T>
std::vector<T> Plain(const Packing& p, const TileShape& tile, const std::vector<T>& weights) {
  const size_t padded = PaddedColumns(p.shape.columns, tile);
  std::vector<T> packed;
  for (const Phase& phase : p.shape.phases)
    for (size_t group = 0; group < p.shape.groups; ++group)
      for (size_t first = 0; first < padded; first += tile.width)
        for (size_t tap = 0; tap < phase.taps; ++tap)
          for (size_t k = 0; k < p.shape.depth; ++k)
            for (size_t n = first; n < std::min(first + tile.width, padded); ++n) {
              const size_t at = group * static_cast<size_t>(p.order.group_stride) +
                                n * static_cast<size_t>(p.order.column_stride) +
                                k * static_cast<size_t>(p.order.depth_stride) +
                                static_cast<size_t>(p.order.tap_offsets[phase.first_tap + tap]);
              packed.push_back(n < p.shape.columns ? static_cast<T>(static_cast<T>(p.order.scale) * weights[at]) : T{});
            }
  return packed;
}

template <class T>
void ExpectPlain(const Packing& p, const TileShape& tile) {
  std::mt19937 random(testing::TestSeed(7));
  std::vector<T> weights(p.weights);
  for (T& weight : weights) weight = static_cast<T>(random() % 60'000);
  const std::vector<T> expected = Plain(p, tile, weights);
  ASSERT_EQ(expected.size(), PackedFloats(p.shape, tile));
  const std::unique_ptr<ThreadRunner> three = MakeThreadPool(3);
  for (ThreadRunner* runner : {&SerialRunner(), three.get()}) {
    std::vector<T> packed(expected.size(), T{1});
    PackPanels(p.shape, tile, p.order, weights.data(), packed.data(), *runner);
    EXPECT_EQ(packed, expected) << runner->thread_count() << " threads, tile of " << tile.width;
  }
}

TEST(PackPanels, MatchesItsDefinitionOnAnyNumberOfThreads) {
  const TileShape tiles[] = {{6, 4, 8}, {8, 16, 32}, {6, 1, 1}};
  for (const TileShape& tile : tiles) {
    for (Packing p : {ConvPacking(1, 64, 150, 9, 1),   // several tasks, the last panel narrow
                      ConvPacking(1, 3, 5, 25, 1),     // less than one task
                      ConvPacking(3, 20, 17, 9, 1),    // groups
                      ConvPacking(1, 96, 40, 16, 4),   // the phases of a transposed convolution
                      ConvPacking(2, 2000, 36, 1, 1)}) {
      ExpectPlain<uint16_t>(p, tile);
      p.order.scale = 0.75f;
      ExpectPlain<float>(p, tile);
    }
  }
}

}  // namespace
}  // namespace decal::cpu
