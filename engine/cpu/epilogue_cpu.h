// The fused epilogue of a matrix product in the SIMD layer's form.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/cpu/simd/epilogue.h"
#include "engine/ops/epilogue.h"

namespace decal {

// The same for kernels.
cpu::Epilogue ToCpuEpilogue(const Epilogue& epilogue);

}  // namespace decal
