// Sums and extrema over the pixels of a map per channel; sums, extrema and squared deviations over one run of floats.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "decal/parallel.h"
#include "engine/cpu/simd/feature_map.h"

namespace decal::cpu {

enum class Statistic : uint8_t { kSum, kMax, kMin };

// out[c] over all pixels of `map`.
void ChannelStatistic(Statistic kind, const FeatureMap& map, float* out);

// The same on several threads: the map is cut into at most kStatisticParts bands of rows, however many
// threads there are, and `parts` (kStatisticParts * channels floats) takes the result of each. 16 keeps
// up to eight threads busy to the end.
inline constexpr size_t kStatisticParts = 16;
void ParallelChannelStatistic(Statistic kind, const FeatureMap& map, float* parts, float* out, ThreadRunner& runner);

// The bands of rows that a map is cut into, and one of them.
size_t StatisticBands(const FeatureMap& map);
FeatureMap StatisticBand(const FeatureMap& map, size_t band, size_t bands);

// Over n contiguous floats.
float RunStatistic(Statistic kind, const float* x, size_t n);

// Sum of (x - mean)^2 over n contiguous floats.
float RunSquaredDeviation(const float* x, size_t n, float mean);

}  // namespace decal::cpu
