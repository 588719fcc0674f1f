// Coordinate and weight formulas of ONNX Resize.
// SPDX-License-Identifier: MIT
#include "engine/ops/resize/resize_taps.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "engine/base/element.h"

namespace decal {
namespace {

double SourceCoordinate(ResizeCoordinates coordinates, const ResizeAxis& axis, int64_t at) {
  const double x = static_cast<double>(at);
  // A given scale is a float that stands for a ratio: dividing in float, as other runtimes do, undoes its
  // rounding and keeps whole coordinates whole. From sizes the ratio is exact.
  const auto over_scale = [&axis](double v) -> double {
    if (axis.scale) return static_cast<float>(v) / *axis.scale;
    return v * static_cast<double>(axis.in) / static_cast<double>(axis.out);
  };
  // A given scale leaves the output a fractional size, which is then rounded down.
  const double exact_out = axis.scale ? static_cast<double>(axis.in) * *axis.scale : static_cast<double>(axis.out);
  switch (coordinates) {
    case ResizeCoordinates::kHalfPixel: return over_scale(x + 0.5) - 0.5;
    case ResizeCoordinates::kPytorchHalfPixel: return axis.out > 1 ? over_scale(x + 0.5) - 0.5 : 0.0;
    case ResizeCoordinates::kAlignCorners:
      if (axis.out == 1) return 0.0;
      return x * static_cast<double>(axis.in - 1) / (exact_out - 1);
    case ResizeCoordinates::kHalfPixelSymmetric: {
      const double centre = static_cast<double>(axis.in) / 2, adjustment = static_cast<double>(axis.out) / exact_out;
      return centre * (1 - adjustment) + over_scale(x + 0.5) - 0.5;
    }
    case ResizeCoordinates::kTfCropAndResize: {
      const double start = axis.roi_start, extent = double{axis.roi_end} - start,
                   last = static_cast<double>(axis.in - 1);
      if (axis.out == 1) return start * last + extent * last / 2;
      return start * last + x * extent * last / (exact_out - 1);
    }
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

// The antialiasing filter of one position: the same kernels, stretched by the scale where that is below 1.
WideTaps AntialiasTaps(const Resize& op, const ResizeAxis& axis, double x) {
  const double given = axis.scale ? double{*axis.scale} : static_cast<double>(axis.out) / static_cast<double>(axis.in);
  const double scale = std::min(given, 1.0), radius = op.mode == ResizeMode::kCubic ? 2 : 1;
  const double floor = std::floor(x);
  // At a whole position the pixel there counts as the right neighbour.
  const double ratio = x == floor ? 1 : x - floor;
  const int64_t base = static_cast<int64_t>(floor) - (x == floor ? 1 : 0);
  const int64_t start = static_cast<int64_t>(std::floor(-radius / scale)) + 1, end = 2 - start;
  WideTaps taps;
  double sum = 0;
  for (int64_t i = start; i < end; ++i) {
    const double distance = std::fabs((static_cast<double>(i) - ratio) * scale);
    double weight = 0;
    if (op.mode == ResizeMode::kLinear) weight = std::max(0.0, 1 - distance);
    else if (distance < 2) weight = CubicWeight(op.cubic_a, distance);
    const int64_t index = base + i;
    if (op.exclude_outside && (index < 0 || index >= axis.in)) weight = 0;
    taps.index.push_back(std::clamp<int64_t>(index, 0, axis.in - 1));
    taps.weight.push_back(weight);
    sum += weight;
  }
  if (sum != 0)
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
  if (op.coordinates == ResizeCoordinates::kTfCropAndResize && (axis.roi_start != 0 || axis.roi_end != 1)) return false;
  return axis.in == axis.out &&
         (!axis.scale || *axis.scale == 1.0f || op.coordinates == ResizeCoordinates::kAlignCorners);
}

WideTaps WideTapsAt(const Resize& op, const ResizeAxis& axis, int64_t at) {
  const double x = SourceCoordinate(op.coordinates, axis, at);
  if (op.coordinates == ResizeCoordinates::kTfCropAndResize && (x < 0 || x > static_cast<double>(axis.in - 1)))
    return {.index = {0}, .weight = {0}, .outside = true};
  if (op.antialias && op.mode != ResizeMode::kNearest) return AntialiasTaps(op, axis, x);
  const ResizeTaps taps = TapsAt(op, axis, at);
  return {{taps.index.begin(), taps.index.begin() + taps.count},
          {taps.weight.begin(), taps.weight.begin() + taps.count}};
}

Result<ResizeParameters> ReadResizeParameters(const Resize& op, std::span<const TensorView> in) {
  const size_t rank = op.axes.empty() ? in[0].shape.rank() : op.axes.rank();
  ResizeParameters parameters;
  for (size_t i = 1; i < std::min<size_t>(in.size(), 4); ++i) {
    // Opset 11 spells "absent" as an empty tensor.
    if (!in[i].present() || in[i].shape.elements() == 0) continue;
    const size_t count = static_cast<size_t>(in[i].shape.elements()), wanted = i == 3 ? 2 * rank : rank;
    const bool integers = i == 2;
    if (in[i].shape.rank() != 1 || count != wanted ||
        (integers ? in[i].dtype != DType::kInt64 && in[i].dtype != DType::kInt32 : !IsFloating(in[i].dtype)))
      return Fail(ErrorCode::kShapeMismatch, "Resize: " + std::to_string(count) + " scales, sizes or regions of " +
                                                 Name(in[i].dtype) + " for " + in[0].shape.ToString());
    for (size_t k = 0; k < count; ++k) {
      const int64_t at = static_cast<int64_t>(k) * in[i].strides[0];
      if (integers) parameters.sizes.push_back(static_cast<int64_t>(LoadInteger(in[i].dtype, in[i].data, at)));
      else
        (i == 1 ? parameters.scales : parameters.roi)
            .push_back(static_cast<float>(LoadNumber(in[i].dtype, in[i].data, at)));
    }
  }
  return parameters;
}

Result<ResizeAxes> AxesOf(const Resize& op, const Shape& input, const ResizeParameters& parameters) {
  const auto mismatch = [&](const std::string& what) {
    return Fail(ErrorCode::kShapeMismatch, "Resize: " + what + " of " + input.ToString());
  };
  ResizeAxes axes{.rank = input.rank()};
  for (size_t d = 0; d < input.rank(); ++d) axes.axes[d] = {input[d], input[d], std::nullopt};
  const size_t count = op.axes.empty() ? input.rank() : op.axes.rank();
  // Where sizes are bounds, one scale serves all axes.
  std::optional<double> common;
  std::array<bool, kMaxRank> seen{};
  std::array<size_t, kMaxRank> place{};
  for (size_t k = 0; k < count; ++k) {
    DECAL_TRY_ASSIGN(place[k], op.axes.empty() ? Result<size_t>(k) : NormalizeAxis(op.axes[k], input.rank()));
    if (std::exchange(seen[place[k]], true)) return mismatch("an axis twice");
    if (parameters.sizes.empty() || op.aspect == ResizeAspect::kStretch) continue;
    const double scale = static_cast<double>(parameters.sizes[k]) / static_cast<double>(input[place[k]]);
    if (!common) common = scale;
    common = op.aspect == ResizeAspect::kNotLarger ? std::min(*common, scale) : std::max(*common, scale);
  }
  for (size_t k = 0; k < count; ++k) {
    ResizeAxis& axis = axes.axes[place[k]];
    double extent = 0;
    if (common) {
      extent = std::floor(static_cast<double>(axis.in) * *common + 0.5);
      axis.scale = static_cast<float>(*common);
    } else if (!parameters.sizes.empty()) {
      extent = static_cast<double>(parameters.sizes[k]);
      if (extent > static_cast<double>(kMaxTensorElements))
        return Fail(ErrorCode::kLimitExceeded, "Resize to a size of " + std::to_string(parameters.sizes[k]));
    } else {
      axis.scale = parameters.scales[k];
      // In float, as other runtimes do: 3 * 1.6666666 is 5 there and 4 in double.
      extent = std::floor(static_cast<float>(axis.in) * *axis.scale);
    }
    if (!(extent >= 1) || extent > static_cast<double>(kMaxTensorElements) || (axis.scale && !(*axis.scale > 0)))
      return mismatch("an output size of " + std::to_string(extent));
    // The antialiasing filter is as wide as the picture shrinks; a hostile scale must not make it endless.
    if (op.antialias && axis.scale &&
        static_cast<double>(axis.in) > 4 * std::max(1.0, extent) / static_cast<double>(*axis.scale))
      return mismatch("a scale that does not match the sizes");
    axis.out = static_cast<int64_t>(extent);
    if (!parameters.roi.empty()) {
      axis.roi_start = parameters.roi[k];
      axis.roi_end = parameters.roi[k + count];
    }
  }
  return axes;
}

}  // namespace decal
