// WebGPU kernel of depthwise convolutions.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/gpu/conv/conv_parts_gpu.h"

namespace decal {

// `g` must be depthwise and the maps what RequireMaps asks for.
Status MakeDepthwise(const Conv& op, const ConvGeometry& g, const GpuRequest& request, const ConvInputs& inputs);

}  // namespace decal
