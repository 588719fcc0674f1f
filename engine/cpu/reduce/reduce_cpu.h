// The CPU kernel of Reduce.
#pragma once

#include "engine/cpu/kernel.h"
#include "engine/ops/reduce/reduce.h"

namespace decal {

KernelResult MakeCpuKernel(const Reduce&, const KernelRequest&);

}  // namespace decal
