// The CPU kernel of deformable convolution.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/cpu/kernel.h"
#include "engine/ops/deform_conv/deform_conv.h"

namespace decal {

KernelResult MakeCpuKernel(const DeformConv&, const KernelRequest&);

}  // namespace decal
