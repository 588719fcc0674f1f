// Sums, extrema and squared deviations: over the pixels of a map per channel, and over one run of floats.
#pragma once

#include <cstddef>
#include <cstdint>

#include "decal/parallel.h"
#include "engine/cpu/feature_map.h"

namespace decal::cpu {

enum class Statistic : uint8_t { kSum, kMax, kMin };

// out[c] over all pixels of `map`.
void ChannelStatistic(Statistic kind, const FeatureMap& map, float* out);

// out[c] = sum of (x - mean[c])^2 over all pixels of `map`.
void ChannelSquaredDeviation(const FeatureMap& map, const float* mean, float* out);

// The same on several threads: the map is cut into at most kStatisticParts bands of rows, however many
// threads there are, and `parts` (kStatisticParts * channels floats) takes the result of each. 16 keeps
// up to eight threads busy to the end.
inline constexpr size_t kStatisticParts = 16;
void ParallelChannelStatistic(Statistic kind, const FeatureMap& map, float* parts, float* out, ThreadRunner& runner);
void ParallelChannelSquaredDeviation(const FeatureMap& map, const float* mean, float* parts, float* out,
                                     ThreadRunner& runner);

// Over n contiguous floats.
float RunStatistic(Statistic kind, const float* x, size_t n);

// Sum of (x - mean)^2 over n contiguous floats.
float RunSquaredDeviation(const float* x, size_t n, float mean);

}  // namespace decal::cpu
