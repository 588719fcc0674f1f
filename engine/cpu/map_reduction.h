// The kernel that reduces every channel of a map to one number: global pooling, and Reduce over H and W.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "engine/cpu/simd/statistics.h"
#include "engine/cpu/kernel.h"

namespace decal {

// For an input [N,C,H,W] of that shape with channel stride 1 and an output [N,C,...] of N*C elements whose
// channel stride is 1; `mean` divides by H * W.
std::unique_ptr<CpuKernel> MakeMapReduction(cpu::Statistic kind, bool mean, const Shape& input);

}  // namespace decal
