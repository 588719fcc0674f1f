// Where an output position of a Resize reads its input, and with which weights: the same for every kernel.
#pragma once

#include <array>
#include <optional>

#include "engine/ops/kernel.h"

namespace decal {

// One dimension. Without `scale` the scale is out / in.
struct ResizeAxis {
  int64_t in = 1;
  int64_t out = 1;
  std::optional<float> scale;
};

// value = sum of weight[i] * input[index[i]] over count taps; indices are inside the input.
struct ResizeTaps {
  size_t count = 1;
  std::array<int64_t, 4> index{};
  std::array<double, 4> weight{1, 0, 0, 0};
};

ResizeTaps TapsAt(const Resize& op, const ResizeAxis& axis, int64_t at);

// True where every output position reads the input position of the same number.
bool IsIdentity(const Resize& op, const ResizeAxis& axis);

// All dimensions of a Resize from `input` to `output`; `scales` has one entry a dimension or is empty.
struct ResizeAxes {
  size_t rank = 0;
  std::array<ResizeAxis, kMaxRank> axes;
};
ResizeAxes AxesOf(const Shape& input, const Shape& output, std::span<const float> scales);

}  // namespace decal
