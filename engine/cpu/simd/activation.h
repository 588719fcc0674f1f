// The vectorised loop of an activation over a run of floats.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "engine/ops/elementwise/unary.h"

namespace decal::cpu {

// Any kind but kNot, which is of truth values.
using Activation = UnaryKind;
using ActivationParams = Unary;

// dst[i] = activation(src[i]); dst may be src. Within 1e-6 of ApplyActivation, relative to the larger of its
// value and the largest intermediate (1 + erf in GELU, for example).
void ActivateRun(const ActivationParams& activation, const float* src, float* dst, size_t n);

}  // namespace decal::cpu
