// Coordinate and weight formulas of ONNX Resize.
#include "engine/ops/resize/resize_taps.h"

#include <algorithm>
#include <cmath>

namespace decal {
namespace {

double SourceCoordinate(ResizeCoordinates coordinates, const ResizeAxis& axis, int64_t at) {
  const double x = static_cast<double>(at);
  // A given scale is a float that stands for a ratio: dividing in float, as other runtimes do, undoes its
  // rounding and keeps whole coordinates whole. From extents the ratio is exact.
  const auto over_scale = [&axis](double v) -> double {
    if (axis.scale) return static_cast<float>(v) / *axis.scale;
    return v * static_cast<double>(axis.in) / static_cast<double>(axis.out);
  };
  switch (coordinates) {
    case ResizeCoordinates::kHalfPixel: return over_scale(x + 0.5) - 0.5;
    case ResizeCoordinates::kPytorchHalfPixel: return axis.out > 1 ? over_scale(x + 0.5) - 0.5 : 0.0;
    case ResizeCoordinates::kAlignCorners:
      return axis.out > 1 ? x * static_cast<double>(axis.in - 1) / static_cast<double>(axis.out - 1) : 0.0;
    case ResizeCoordinates::kAsymmetric: return over_scale(x);
  }
  return x;
}

int64_t RoundNearest(ResizeNearest nearest, double x) {
  switch (nearest) {
    case ResizeNearest::kRoundPreferFloor: return static_cast<int64_t>(std::ceil(x - 0.5));
    case ResizeNearest::kRoundPreferCeil: return static_cast<int64_t>(std::floor(x + 0.5));
    case ResizeNearest::kFloor: return static_cast<int64_t>(std::floor(x));
    case ResizeNearest::kCeil: return static_cast<int64_t>(std::ceil(x));
  }
  return 0;
}

// Keys 1981; `distance` is that from the sample, below 2.
double CubicWeight(double a, double distance) {
  const double t = distance;
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
}

ResizeTaps CubicTaps(const Resize& op, const ResizeAxis& axis, double x) {
  const double floor = std::floor(x);
  ResizeTaps taps{.count = 4};
  double sum = 0;
  for (size_t i = 0; i < 4; ++i) {
    const int64_t index = static_cast<int64_t>(floor) + static_cast<int64_t>(i) - 1;
    const bool outside = index < 0 || index >= axis.in;
    taps.index[i] = std::clamp<int64_t>(index, 0, axis.in - 1);
    taps.weight[i] =
        outside && op.exclude_outside ? 0.0 : CubicWeight(op.cubic_a, std::fabs(x - static_cast<double>(index)));
    sum += taps.weight[i];
  }
  if (op.exclude_outside && sum != 0)
    for (double& weight : taps.weight) weight /= sum;
  return taps;
}

}  // namespace

ResizeTaps TapsAt(const Resize& op, const ResizeAxis& axis, int64_t at) {
  const double x = SourceCoordinate(op.coordinates, axis, at);
  const double last = static_cast<double>(axis.in - 1);
  switch (op.mode) {
    case ResizeMode::kNearest:
      return {.count = 1, .index = {std::clamp<int64_t>(RoundNearest(op.nearest, x), 0, axis.in - 1)}};
    case ResizeMode::kLinear: {
      const double inside = std::clamp(x, 0.0, last);
      const int64_t low = static_cast<int64_t>(inside);
      const double weight = inside - static_cast<double>(low);
      return {.count = 2, .index = {low, std::min(low + 1, axis.in - 1)}, .weight = {1 - weight, weight}};
    }
    case ResizeMode::kCubic: return CubicTaps(op, axis, x);
  }
  return {};
}

bool IsIdentity(const Resize& op, const ResizeAxis& axis) {
  return axis.in == axis.out &&
         (!axis.scale || *axis.scale == 1.0f || op.coordinates == ResizeCoordinates::kAlignCorners);
}

ResizeAxes AxesOf(const Shape& input, const Shape& output, std::span<const float> scales) {
  ResizeAxes axes{.rank = input.rank()};
  for (size_t d = 0; d < input.rank(); ++d) {
    axes.axes[d] = {input[d], output[d], std::nullopt};
    if (d < scales.size()) axes.axes[d].scale = scales[d];
  }
  return axes;
}

}  // namespace decal
