// WebGPU kernel of 3x3 convolutions by Winograd's algorithm.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/gpu/conv/conv_parts_gpu.h"

namespace decal {

// 3x3, stride 1, one group.
bool SuitsWinograd(const ConvGeometry& g);

// What it costs, in the unit of GpuCandidate.
double WinogradCost(const GpuLimits& limits, const ConvGeometry& g);

// `operands` with filters packed in ForwardOrder.
Status MakeWinograd(const Conv& op, const ConvGeometry& g, const GpuRequest& request, const ProductOperands& operands);

}  // namespace decal
