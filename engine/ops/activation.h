// From the graph's unary operators to the activations of the SIMD layer.
#pragma once

#include "engine/cpu/activation.h"
#include "engine/ir/op.h"

namespace decal {

static_assert(static_cast<int>(UnaryKind::kClip) == static_cast<int>(cpu::Activation::kClip) &&
              static_cast<int>(UnaryKind::kTanh) == static_cast<int>(cpu::Activation::kTanh) &&
              static_cast<int>(UnaryKind::kGelu) == static_cast<int>(cpu::Activation::kGelu));

// Any kind but kNot, which is no map of floats.
inline cpu::ActivationParams ToActivation(const Unary& unary) {
  return {static_cast<cpu::Activation>(unary.kind), unary.alpha, unary.beta};
}

}  // namespace decal
