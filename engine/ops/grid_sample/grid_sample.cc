// Shape rule and scalar reference of GridSample; it has no fast kernel.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "engine/ops/grid_sample/grid_sample.h"

namespace decal {
namespace {

// Spatial dimensions are at most three: [N,C,D,H,W].
constexpr size_t kMaxSpatial = 3;

// Folds `v` back and forth between `low` and `high`.
double Reflect(double v, double low, double high) {
  const double range = high - low;
  if (!(range > 0) || !std::isfinite(v)) return low;
  double over = v < low ? low - v : v > high ? v - high : 0;
  if (over == 0) return v;
  const double turns = std::floor(over / range);
  over -= turns * range;
  const bool even = std::fmod(turns, 2) == 0;
  return (v < low) == even ? low + over : high - over;
}

class Sampler {
 public:
  Sampler(const GridSample& op, const TensorView& x) : op_(op), x_(x), spatial_(x.shape.rank() - 2) {}

  // At one point of the grid, whose coordinates are in the order of the dimensions.
  double At(int64_t origin, std::array<double, kMaxSpatial> point) const {
    for (size_t d = 0; d < spatial_; ++d) {
      double& v = point[d];
      const double last = static_cast<double>(Extent(d) - 1);
      v = op_.align_corners ? (v + 1) / 2 * last : ((v + 1) * (last + 1) - 1) / 2;
      if (op_.mode == ResizeMode::kNearest) v = std::nearbyint(v);
      if (v >= Low(d) && v <= High(d)) continue;
      if (op_.padding == GridPadding::kBorder) v = std::clamp(std::isnan(v) ? 0.0 : v, 0.0, last);
      if (op_.padding == GridPadding::kReflection) v = Reflect(v, Low(d), High(d));
    }
    return Interpolate(origin, point, {}, 0);
  }

 private:
  int64_t Extent(size_t d) const { return x_.shape[2 + d]; }
  double Low(size_t d) const {
    (void)d;
    return op_.align_corners ? 0.0 : -0.5;
  }
  double High(size_t d) const { return static_cast<double>(Extent(d)) - (op_.align_corners ? 1.0 : 0.5); }

  // Over dimensions d, d + 1, ..; `pixel` holds the dimensions before.
  double Interpolate(int64_t origin, const std::array<double, kMaxSpatial>& point,
                     std::array<double, kMaxSpatial> pixel, size_t d) const {
    if (d == spatial_) return Pixel(origin, pixel);
    const auto at = [&](double index) {
      pixel[d] = index;
      return Interpolate(origin, point, pixel, d + 1);
    };
    if (op_.mode == ResizeMode::kNearest) return at(std::nearbyint(point[d]));
    const double floor = std::floor(point[d]), t = point[d] - floor;
    if (op_.mode == ResizeMode::kLinear) return at(floor) * (1 - t) + at(floor + 1) * t;
    // Keys 1981 with a = -0.75.
    constexpr double a = -0.75;
    const auto near = [](double x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
    const auto far = [](double x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
    return at(floor - 1) * far(t + 1) + at(floor) * near(t) + at(floor + 1) * near(1 - t) + at(floor + 2) * far(2 - t);
  }

  double Pixel(int64_t origin, const std::array<double, kMaxSpatial>& pixel) const {
    int64_t offset = origin;
    for (size_t d = 0; d < spatial_; ++d) {
      double v = pixel[d];
      const double last = static_cast<double>(Extent(d) - 1);
      if (!(v >= 0 && v <= last)) {
        if (op_.padding == GridPadding::kZeros) return 0;
        v = op_.padding == GridPadding::kBorder ? std::clamp(std::isnan(v) ? 0.0 : v, 0.0, last)
                                                : std::clamp(std::trunc(Reflect(v, Low(d), High(d))), 0.0, last);
      }
      offset += static_cast<int64_t>(v) * x_.strides[2 + d];
    }
    return LoadFloat(x_, offset);
  }

  GridSample op_;
  const TensorView& x_;
  size_t spatial_;
};

}  // namespace

InferResult Infer(const GridSample&, const InferContext& c) {
  DECAL_TRY(RequireInputs(c, 2, "GridSample"));
  DECAL_TRY(RequireFloat(c[0].dtype, "GridSample"));
  DECAL_TRY(RequireFloat(c[1].dtype, "GridSample"));
  const Shape &x = c[0].shape, &grid = c[1].shape;
  const auto mismatch = [&] {
    return Fail(ErrorCode::kShapeMismatch, "GridSample of " + x.ToString() + " at " + grid.ToString());
  };
  if ((x.rank() != 4 && x.rank() != 5) || grid.rank() != x.rank()) return mismatch();
  if (grid[0] != x[0] || grid.back() != static_cast<int64_t>(x.rank() - 2)) return mismatch();
  for (size_t d = 2; d < x.rank(); ++d)
    if (x[d] < 1) return mismatch();
  Shape out{x[0], x[1]};
  for (size_t d = 1; d + 1 < grid.rank(); ++d) out.push_back(grid[d]);
  return std::vector<TensorType>{{c[0].dtype, out}};
}

Status Reference(const GridSample& op, std::span<const TensorView> in, std::span<const MutableTensorView> out) {
  const TensorView &x = in[0], &grid = in[1];
  const Sampler sampler(op, x);
  const size_t spatial = x.shape.rank() - 2;
  for (StridedIndex<1> i(out[0].shape, {out[0].strides}); i.valid(); i.Next()) {
    int64_t at = i.index()[0] * grid.strides[0];
    for (size_t d = 0; d < spatial; ++d) at += i.index()[2 + d] * grid.strides[1 + d];
    std::array<double, kMaxSpatial> point{};
    // The grid's coordinates run from the last dimension to the first: x, y, z.
    for (size_t d = 0; d < spatial; ++d)
      point[d] = LoadFloat(grid, at + static_cast<int64_t>(spatial - 1 - d) * grid.strides[1 + spatial]);
    StoreFloat(out[0], i.offset(0), sampler.At(i.index()[0] * x.strides[0] + i.index()[1] * x.strides[1], point));
  }
  return {};
}

}  // namespace decal
