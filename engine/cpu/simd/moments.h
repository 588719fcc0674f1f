// Mean and variance of every channel of a map, in one pass over memory.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "decal/parallel.h"
#include "engine/cpu/simd/feature_map.h"
#include "engine/cpu/simd/statistics.h"

namespace decal::cpu {

// Scratch of ChannelMoments: the moments of each band.
constexpr size_t MomentsScratchFloats(size_t channels) { return 2 * kStatisticParts * channels; }

// mean[c] and variance[c] over all pixels of `map`, as exact as by two passes. The map is cut into bands of rows as
// ParallelChannelStatistic cuts it, so that the result does not depend on the threads.
void ChannelMoments(const FeatureMap& map, float* scratch, float* mean, float* variance, ThreadRunner& runner);

}  // namespace decal::cpu
