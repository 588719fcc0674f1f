// The attributes of a convolution's or pooling window, as in the ONNX file.
// SPDX-License-Identifier: MIT
#pragma once

#include "engine/base/shape.h"

namespace decal {

// Spatial window of rank 1 to 3 (3 for Pool only); unused entries are 1 (or 0 for pads).
struct Window {
  Dims kernel;         // empty in an imported Conv whose kernel comes from its weight
  Dims strides;
  Dims dilations;
  Dims pads_begin;
  Dims pads_end;
  enum class AutoPad : uint8_t { kNotSet, kValid, kSameUpper, kSameLower } auto_pad = AutoPad::kNotSet;
};

// Its attributes, in the order of people who read a graph.
void WindowFields(auto& window, auto&& field) {
  field("kernel", window.kernel);
  field("strides", window.strides);
  field("dilations", window.dilations);
  field("pads_begin", window.pads_begin);
  field("pads_end", window.pads_end);
}

}  // namespace decal
