// Where an output position of a Resize reads its input, and with which weights: the same for every kernel.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "engine/ops/resize/resize.h"

namespace decal {

// One dimension. Without `scale` the scale is out / in.
struct ResizeAxis {
  int64_t in = 1;
  int64_t out = 1;
  std::optional<float> scale;
  float roi_start = 0, roi_end = 1;  // in parts of the input
};

// value = sum of weight[i] * input[index[i]] over count taps; indices are inside the input.
struct ResizeTaps {
  size_t count = 1;
  std::array<int64_t, 4> index{};
  std::array<double, 4> weight{1, 0, 0, 0};
};

// Not for antialias.
ResizeTaps TapsAt(const Resize& op, const ResizeAxis& axis, int64_t at);

// Any number of taps: with antialias, where the picture shrinks, the filter covers what falls together.
struct WideTaps {
  std::vector<int64_t> index;
  std::vector<double> weight;
  bool outside = false;  // of the roi: the extrapolation value stands here
};
WideTaps WideTapsAt(const Resize& op, const ResizeAxis& axis, int64_t at);

// True where every output position reads the input position of the same number.
bool IsIdentity(const Resize& op, const ResizeAxis& axis);

// What a Resize is given beside x; empty lists for what is absent.
struct ResizeParameters {
  std::vector<float> scales, roi;
  std::vector<int64_t> sizes;
};
// Of inputs 1 to 3 (which must be known); kShapeMismatch where their types or lengths do not fit x.
Result<ResizeParameters> ReadResizeParameters(const Resize& op, std::span<const TensorView> in);

// All dimensions of a Resize of `input`, output extents included.
struct ResizeAxes {
  size_t rank = 0;
  std::array<ResizeAxis, kMaxRank> axes;
};
Result<ResizeAxes> AxesOf(const Resize& op, const Shape& input, const ResizeParameters& parameters);

}  // namespace decal
