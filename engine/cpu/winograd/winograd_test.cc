// Winograd convolutions: every variant, on every compiled target, against a plain loop in double precision.
// SPDX-License-Identifier: MIT
#include "engine/cpu/winograd/winograd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/base/buffer.h"
#include "engine/base/dtype.h"
#include "tests/support/seed.h"
#include "tests/support/simd_targets.h"

namespace decal::cpu {
namespace {

using enum WinogradVariant;
constexpr WinogradVariant kVariants[] = {kF6x3, kF4x3, kF2x3, kF4x5};
constexpr const char* kNames[] = {"F(6x6,3x3)", "F(4x4,3x3)", "F(2x2,3x3)", "F(4x4,5x5)"};
constexpr size_t kGuards = 16;  // floats before and after the output
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

size_t Pick(std::mt19937& random, size_t low, size_t high) {
  return std::uniform_int_distribution<size_t>(low, high)(random);
}

float Rounded(float x) { return Half(x); }

PixelStrides StridesOf(size_t height, size_t width, size_t pixel) {
  return {static_cast<ptrdiff_t>(height * width * pixel), static_cast<ptrdiff_t>(width * pixel),
          static_cast<ptrdiff_t>(pixel)};
}

// The standard deviation of the sums: inputs and weights are uniform in [-1, 1], of variance 1/3.
double SumDeviation(const WinogradShape& shape, WinogradVariant variant) {
  const double taps = static_cast<double>(ExtentsOf(variant).taps);
  return std::sqrt(static_cast<double>(shape.depth) * taps * taps) / 3;
}

// A convolution with its operands and its exact result. Allocations end with the last element that may be read, and
// what lies between the pixels' channels is NaN.
class Problem {
 public:
  Problem(const WinogradShape& shape, WinogradVariant variant, std::mt19937& random)
      : shape_(shape), variant_(variant), taps_(ExtentsOf(variant).taps) {
    in_ = Pixels(shape.in_height * shape.in_width, shape.in, shape.depth, random);
    weights_ = Uniform(taps_ * taps_ * shape.depth * shape.columns, random);
  }

  void AddBias(std::mt19937& random) { bias_ = Uniform(shape_.columns, random); }
  void SetEpilogue(const Epilogue& epilogue, std::mt19937& random) {
    epilogue_ = epilogue;
    if (epilogue.post == Epilogue::Post::kSlopes) slopes_ = Uniform(shape_.columns, random);
    if (epilogue.residual != Epilogue::Residual::kNone)
      residual_ = Pixels(shape_.out_height * shape_.out_width, shape_.residual, shape_.columns, random);
  }
  // So that panels of both formats hold the same weights.
  void RoundWeights() { std::ranges::transform(weights_, weights_.begin(), Rounded); }

  // [picture][y][x][column]
  std::vector<double> Expected() const {
    const size_t pixels = shape_.out_height * shape_.out_width, columns = shape_.columns;
    std::vector<double> expected(shape_.batch * pixels * columns);
    std::vector<double> weights(weights_.begin(), weights_.end());
    for (size_t n = 0; n < shape_.batch; ++n)
      for (size_t y = 0; y < shape_.out_height; ++y)
        for (size_t x = 0; x < shape_.out_width; ++x) {
          double* sums = &expected[((n * shape_.out_height + y) * shape_.out_width + x) * columns];
          if (!bias_.empty()) std::ranges::copy(bias_, sums);
          AddTaps(n, y, x, weights.data(), sums);
          const float* residual = residual_.empty() ? nullptr : &residual_[Offset(shape_.residual, n, y, x)];
          for (size_t c = 0; c < columns; ++c) sums[c] = Finished(sums[c], residual ? residual[c] : 0, c);
        }
    return expected;
  }

  // Runs a plan, first task first or last task first, on the target in use. All that is not written stays NaN.
  std::vector<float> Run(bool resident, bool half, bool backwards, size_t threads = 1) const {
    const WinogradPlan plan = MakeWinogradPlan(shape_, variant_, epilogue_, resident, threads);
    IndirectConvShape indirect_conv;
    indirect_conv.depth = shape_.depth;
    indirect_conv.columns = shape_.columns;
    indirect_conv.taps.resize(taps_ * taps_);
    indirect_conv.phases.push_back({.taps = taps_ * taps_});
    WeightOrder order;
    for (size_t tap = 0; tap < taps_ * taps_; ++tap)
      order.tap_offsets.push_back(static_cast<ptrdiff_t>(tap * shape_.depth * shape_.columns));
    order.depth_stride = static_cast<ptrdiff_t>(shape_.columns);
    order.column_stride = 1;

    IndirectConvBuffers buffers;
    std::vector<float> panels(PackedFloats(indirect_conv, plan.tile), kNaN), transformed;
    std::vector<uint16_t> narrow(half ? panels.size() : 0);
    if (half) {
      std::vector<uint16_t> half_weights(weights_.size());
      std::ranges::transform(weights_, half_weights.begin(), [](float w) { return Half(w).bits; });
      PackPanels(indirect_conv, plan.tile, order, half_weights.data(), narrow.data(), SerialRunner());
      buffers.packed_half = narrow.data();
    } else {
      PackPanels(indirect_conv, plan.tile, order, weights_.data(), panels.data(), SerialRunner());
      buffers.packed = panels.data();
    }
    if (resident) {
      std::vector<float> gathered(WinogradGatheredFloats(plan), kNaN);
      transformed.assign(WinogradFilterFloats(shape_, variant_), kNaN);
      for (size_t panel = 0; panel * plan.tile.width < shape_.columns; ++panel)
        TransformWinogradFilters(plan, buffers, panel, gathered.data(), transformed.data());
      buffers.packed = transformed.data();
      buffers.packed_half = nullptr;
    }
    const std::vector<float> bias = Padded(bias_, indirect_conv, plan.tile),
                             slopes = Padded(slopes_, indirect_conv, plan.tile);
    buffers.in = in_.data();
    buffers.bias = bias.empty() ? nullptr : bias.data();
    buffers.slopes = slopes.empty() ? nullptr : slopes.data();
    buffers.residual = residual_.empty() ? nullptr : residual_.data();
    std::vector<float> out(static_cast<size_t>(shape_.out.batch) * shape_.batch + 2 * kGuards);
    std::memset(out.data(), 0xFF, out.size() * sizeof(float));
    buffers.out = out.data() + kGuards;
    Buffer scratch = *Buffer::Allocate(plan.scratch_bytes(), "scratch");
    for (size_t i = 0; i < plan.tasks.size(); ++i) {
      std::memset(scratch.data(), 0xFF, plan.scratch_bytes());
      RunWinogradTask(plan, buffers, backwards ? plan.tasks.size() - 1 - i : i, scratch.data());
    }
    return out;
  }

  // What Run gives, without what is not the output's; false: something else was written.
  bool Strip(const std::vector<float>& out, std::vector<float>& values) const {
    values.clear();
    size_t at = 0;
    const auto skip_to = [&](size_t end) {
      bool intact = true;
      for (; at < end; ++at) intact = intact && std::bit_cast<uint32_t>(out[at]) == 0xFFFFFFFF;
      return intact;
    };
    bool intact = true;
    for (size_t pixel = 0; pixel < shape_.batch * shape_.out_height * shape_.out_width; ++pixel) {
      intact = skip_to(kGuards + pixel * static_cast<size_t>(shape_.out.pixel)) && intact;
      values.insert(values.end(), out.begin() + static_cast<ptrdiff_t>(at),
                    out.begin() + static_cast<ptrdiff_t>(at + shape_.columns));
      at += shape_.columns;
    }
    return skip_to(out.size()) && intact;
  }

 private:
  static std::vector<float> Uniform(size_t count, std::mt19937& random) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::vector<float> values(count);
    std::ranges::generate(values, [&] { return uniform(random); });
    return values;
  }

  std::vector<float> Pixels(size_t pixels, const PixelStrides& strides, size_t channels, std::mt19937& random) const {
    const size_t stride = static_cast<size_t>(strides.pixel), last = shape_.batch * pixels - 1;
    std::vector<float> values = Uniform(last * stride + channels, random);
    for (size_t pixel = 0; pixel < last; ++pixel)
      std::fill_n(values.begin() + static_cast<ptrdiff_t>(pixel * stride + channels), stride - channels, kNaN);
    return values;
  }

  static std::vector<float> Padded(const std::vector<float>& values, const IndirectConvShape& shape,
                                   const TileShape& tile) {
    if (values.empty()) return {};
    std::vector<float> padded(PaddedColumns(shape.columns, tile), kNaN);
    PadColumns(shape, tile, values.data(), 1, padded.data());
    return padded;
  }

  static size_t Offset(const PixelStrides& s, size_t n, size_t y, size_t x) {
    return n * static_cast<size_t>(s.batch) + y * static_cast<size_t>(s.row) + x * static_cast<size_t>(s.pixel);
  }

  void AddTaps(size_t n, size_t y, size_t x, const double* weights, double* sums) const {
    for (size_t tap = 0; tap < taps_ * taps_; ++tap, weights += shape_.depth * shape_.columns) {
      const ptrdiff_t in_y = static_cast<ptrdiff_t>(y + tap / taps_ * shape_.dilation_y) - shape_.pad_top;
      const ptrdiff_t in_x = static_cast<ptrdiff_t>(x + tap % taps_ * shape_.dilation_x) - shape_.pad_left;
      if (in_y < 0 || in_y >= static_cast<ptrdiff_t>(shape_.in_height)) continue;
      if (in_x < 0 || in_x >= static_cast<ptrdiff_t>(shape_.in_width)) continue;
      const float* in = &in_[Offset(shape_.in, n, static_cast<size_t>(in_y), static_cast<size_t>(in_x))];
      for (size_t k = 0; k < shape_.depth; ++k)
        for (size_t c = 0; c < shape_.columns; ++c) sums[c] += double{in[k]} * weights[k * shape_.columns + c];
    }
  }

  double Finished(double sum, double residual, size_t column) const {
    if (epilogue_.residual == Epilogue::Residual::kBeforePost) sum += residual;
    switch (epilogue_.post) {
      case Epilogue::Post::kNone: break;
      case Epilogue::Post::kClamp: sum = std::clamp(sum, double{epilogue_.low}, double{epilogue_.high}); break;
      case Epilogue::Post::kLeaky: sum *= sum < 0 ? double{epilogue_.low} : 1; break;
      case Epilogue::Post::kSlopes: sum *= sum < 0 ? double{slopes_[column]} : 1; break;
      case Epilogue::Post::kActivate: sum = ApplyActivation(epilogue_.activation, sum); break;
    }
    return epilogue_.residual == Epilogue::Residual::kAfterPost ? sum + residual : sum;
  }

  WinogradShape shape_;
  WinogradVariant variant_;
  size_t taps_;
  Epilogue epilogue_;
  std::vector<float> in_, weights_, bias_, slopes_, residual_;
};

// MACs of one random case: the plain loop has to run under AddressSanitizer, too.
constexpr size_t kMostMultiplyAdds = 3'000'000;

// Sizes, paddings, dilations and slices. No output pixel: the dilated filter is larger than the padded map.
WinogradShape RandomShape(WinogradVariant variant, std::mt19937& random) {
  const size_t taps = ExtentsOf(variant).taps;
  for (;;) {
    WinogradShape s;
    s.batch = Pick(random, 1, 2);
    s.depth = Pick(random, 1, 150);
    s.columns = Pick(random, 1, 140);
    s.in_height = Pick(random, 1, 40);
    s.in_width = Pick(random, 1, 40);
    s.dilation_y = Pick(random, 0, 1) == 0 ? 1 : Pick(random, 1, 4);
    s.dilation_x = Pick(random, 0, 1) == 0 ? 1 : Pick(random, 1, 4);
    const bool same = Pick(random, 0, 2) == 0;  // as in networks; what lets a dilation exceed the map
    const auto padding = [&](size_t dilation) { return same ? dilation * (taps / 2) : Pick(random, 0, 3); };
    const size_t top = padding(s.dilation_y), left = padding(s.dilation_x);
    const size_t padded_height = s.in_height + top + padding(s.dilation_y);
    const size_t padded_width = s.in_width + left + padding(s.dilation_x);
    const size_t reach_y = (taps - 1) * s.dilation_y, reach_x = (taps - 1) * s.dilation_x;
    if (padded_height <= reach_y || padded_width <= reach_x) continue;
    s.out_height = padded_height - reach_y;
    s.out_width = padded_width - reach_x;
    s.pad_top = static_cast<ptrdiff_t>(top);
    s.pad_left = static_cast<ptrdiff_t>(left);
    // Channels give way or the map does, so that both ends of each range are met.
    const auto work = [&] { return s.batch * s.out_height * s.out_width * taps * taps * s.depth * s.columns; };
    if (work() > kMostMultiplyAdds) s.columns = Pick(random, 1, 40);
    if (work() > kMostMultiplyAdds) s.depth = Pick(random, 1, 40);
    if (work() > kMostMultiplyAdds) continue;
    const auto slack = [&] { return Pick(random, 0, 1) * Pick(random, 1, 9); };
    s.in = StridesOf(s.in_height, s.in_width, s.depth + slack());
    s.out = StridesOf(s.out_height, s.out_width, s.columns + slack());
    s.residual = StridesOf(s.out_height, s.out_width, s.columns + slack());
    return s;
  }
}

Epilogue RandomEpilogue(std::mt19937& random) {
  constexpr Activation kActivations[] = {Activation::kSigmoid, Activation::kHardSwish, Activation::kGelu};
  Epilogue epilogue;
  epilogue.post = static_cast<Epilogue::Post>(Pick(random, 0, 4));
  epilogue.residual = static_cast<Epilogue::Residual>(Pick(random, 0, 2));
  epilogue.low = epilogue.post == Epilogue::Post::kLeaky ? 0.2f : -0.5f;
  epilogue.high = Pick(random, 0, 1) == 0 ? 1.5f : std::numeric_limits<float>::infinity();
  epilogue.activation.kind = kActivations[Pick(random, 0, 2)];
  return epilogue;
}

std::string Describe(const WinogradShape& s, WinogradVariant variant, const Epilogue& epilogue) {
  const auto text = [](size_t a, const char* between, size_t b) {
    return std::to_string(a) + between + std::to_string(b);
  };
  return std::string(kNames[static_cast<size_t>(variant)]) + " batch " + std::to_string(s.batch) + " channels " +
         text(s.depth, " to ", s.columns) + " map " + text(s.in_height, "x", s.in_width) + " to " +
         text(s.out_height, "x", s.out_width) + " dilation " + text(s.dilation_y, "x", s.dilation_x) + " pads " +
         text(static_cast<size_t>(s.pad_top), ",", static_cast<size_t>(s.pad_left)) + " post " +
         std::to_string(static_cast<int>(epilogue.post)) + " residual " +
         std::to_string(static_cast<int>(epilogue.residual));
}

double LargestError(const std::vector<float>& actual, const std::vector<double>& expected) {
  if (actual.size() != expected.size()) return HUGE_VAL;
  double worst = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double error = std::fabs(double{actual[i]} - expected[i]);
    worst = std::isnan(error) ? HUGE_VAL : std::max(worst, error);
  }
  return worst;
}

// The root of the mean squared error of float32, relative to the sums' own, at 64 and at 512 channels; between them it
// grows with the square root of their number, or less. A direct loop loses 3.0e-7 and 7.5e-7.
struct RelativeError {
  double at_64, at_512;
};
constexpr RelativeError kErrors[] = {{3.4e-6, 8e-6}, {7.0e-7, 1.6e-6}, {2.3e-7, 5.8e-7}, {3.2e-6, 8.3e-6}};

// The largest over outputs i of the sum over points p of A_ip^2 |B_p|^2 |G_p|^2, for the Toom-Cook matrices A, B and G of a
// variant's points (0, these and infinity): how much one dimension's transforms amplify rounding.
double WorstAmplification(WinogradVariant variant) {
  constexpr double kA = 0.70710678118654752, kB = 1.41421356237309505;
  std::vector<double> points = {0};
  if (variant == kF2x3) points.insert(points.end(), {1, -1});
  if (variant == kF4x3) points.insert(points.end(), {kA, -kA, kB, -kB});
  if (variant == kF6x3 || variant == kF4x5) points.insert(points.end(), {1, -1, 2, -2, 0.5, -0.5});
  const WinogradExtents e = ExtentsOf(variant);
  const auto input_norm =
      [&](size_t except) {  // |B_p|^2: the coefficients of the product of (x - q) over other points q
        std::vector<double> polynomial = {1};
        for (size_t q = 0; q < points.size(); ++q) {
          if (q == except) continue;
          polynomial.push_back(0);
          for (size_t i = polynomial.size() - 1; i > 0; --i) polynomial[i] -= points[q] * polynomial[i - 1];
        }
        double sum = 0;
        for (const double c : polynomial) sum += c * c;
        return sum;
      };
  double worst = 0;
  for (size_t i = 0; i < e.outputs; ++i) {
    double sum =
        i + 1 == e.outputs ? input_norm(points.size()) : 0;  // infinity: |G_p| is 1, A_ip only of the last output
    for (size_t p = 0; p < points.size(); ++p) {
      double differences = 1, filter_norm = 0;
      for (size_t q = 0; q < points.size(); ++q) differences *= q == p ? 1 : points[p] - points[q];
      for (size_t t = 0; t < e.taps; ++t) filter_norm += std::pow(points[p], 2.0 * static_cast<double>(t));
      sum +=
          std::pow(points[p], 2.0 * static_cast<double>(i)) * input_norm(p) * filter_norm / (differences * differences);
    }
    worst = std::max(worst, sum);
  }
  return worst;
}

// Of K channels, the sum at each point is a random walk whose partial sums have a mean variance of K/2 steps, and every
// addition rounds: a relative variance of 0.18 u^2, with u = 2^-24 (uniform rounding, mantissas of logarithmic density).
// Transforms and products, without fused multiply-adds too, count as kSteps more. The model gives the errors of kErrors
// within a fifth, and in 500,000 simulated outputs in the corner of an F(6x6,3x3) tile a deviation 1.16 times as large
// (4 channels; 1.11 at 16). There an error above t deviations came once in 10^(0.75 t - 0.5) outputs for t of 3 to 9, because
// the walk varies too: 16 are exceeded once in 10^11.
double Tolerance(const WinogradShape& shape, WinogradVariant variant, const Epilogue& epilogue) {
  constexpr double kUnit = 1.0 / (1 << 24), kSteps = 6, kDeviations = 16;
  static const std::vector<double> amplifications = [] {
    std::vector<double> found;
    for (const WinogradVariant each : kVariants) found.push_back(WorstAmplification(each));
    return found;
  }();
  const double taps = static_cast<double>(ExtentsOf(variant).taps);
  const double deviation = kUnit * std::sqrt(0.18 * (static_cast<double>(shape.depth) / 2 + kSteps)) *
                           amplifications[static_cast<size_t>(variant)] / taps;
  // The steepest activation is hard swish; all other epilogues pass an error on as it is or smaller. Bias, residual and
  // the epilogue itself round once each, on values of a few sum deviations.
  const double slope = epilogue.post == Epilogue::Post::kActivate ? 1.5 : 1;
  return slope * kDeviations * (deviation + 2 * kUnit) * SumDeviation(shape, variant);
}

TEST(Winograd, MatchesAPlainLoopOnRandomCases) {
  std::mt19937 random(testing::TestSeed(1));
  for (int i = 0; i < 240; ++i) {
    const WinogradVariant variant = kVariants[i % 4];
    const WinogradShape shape = RandomShape(variant, random);
    const Epilogue epilogue = RandomEpilogue(random);
    SCOPED_TRACE(Describe(shape, variant, epilogue));
    Problem problem(shape, variant, random);
    problem.RoundWeights();
    problem.SetEpilogue(epilogue, random);
    if (Pick(random, 0, 1) == 0) problem.AddBias(random);
    const std::vector<double> expected = problem.Expected();
    testing::ForEachSimdTarget([&] {
      const std::vector<float> out = problem.Run(true, false, false);
      std::vector<float> values;
      EXPECT_TRUE(problem.Strip(out, values)) << "wrote outside the output";
      EXPECT_LT(LargestError(values, expected), Tolerance(shape, variant, epilogue));
      // Transformed at load or by each task, from panels of either format, in any order and partition: the same
      // arithmetic.
      struct Way {
        bool resident, half, backwards;
        size_t threads;
      };
      for (const Way& way : {Way{true, true, true, 2}, Way{false, false, true, 64}, Way{false, true, false, 3}}) {
        const std::vector<float> other = problem.Run(way.resident, way.half, way.backwards, way.threads);
        EXPECT_EQ(std::memcmp(out.data(), other.data(), out.size() * sizeof(float)), 0)
            << "resident " << way.resident << " half " << way.half << " backwards " << way.backwards << " threads "
            << way.threads;
      }
    });
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(Winograd, LosesNoMoreDigitsThanExpected) {
  std::mt19937 random(testing::TestSeed(2));
  for (const WinogradVariant variant : kVariants) {
    const RelativeError& expected_error = kErrors[static_cast<size_t>(variant)];
    for (const size_t depth : {64, 512}) {
      WinogradShape s;
      s.depth = depth;
      s.columns = 24;
      s.in_height = s.in_width = 20;
      s.out_height = s.out_width = 20 - ExtentsOf(variant).taps + 1;
      s.in = StridesOf(s.in_height, s.in_width, s.depth);
      s.out = s.residual = StridesOf(s.out_height, s.out_width, s.columns);
      const Problem problem(s, variant, random);
      const std::vector<double> expected = problem.Expected();
      testing::ForEachSimdTarget([&] {
        std::vector<float> values;
        ASSERT_TRUE(problem.Strip(problem.Run(true, false, false), values));
        double error = 0, sum = 0;
        for (size_t i = 0; i < values.size(); ++i) {
          error += (values[i] - expected[i]) * (values[i] - expected[i]);
          sum += expected[i] * expected[i];
        }
        EXPECT_LT(std::sqrt(error / sum), 1.5 * (depth == 64 ? expected_error.at_64 : expected_error.at_512))
            << kNames[static_cast<size_t>(variant)] << " at " << depth << " channels";
      });
    }
  }
}

TEST(WinogradPlan, TasksCoverEveryTileAndPanelOnce) {
  std::mt19937 random(testing::TestSeed(3));
  testing::ForEachSimdTarget([&] {
    for (int i = 0; i < 300; ++i) {
      const WinogradVariant variant = kVariants[i % 4];
      WinogradShape shape = RandomShape(variant, random);
      if (i / 8 % 2 == 0) {  // several tasks
        shape.out_height += 100;
        shape.in_height += 100;
        shape.columns *= 4;
      }
      const WinogradPlan plan = MakeWinogradPlan(shape, variant, {}, i / 4 % 2 == 0, Pick(random, 1, 16));
      SCOPED_TRACE(Describe(shape, variant, {}));
      const WinogradExtents e = ExtentsOf(variant);
      EXPECT_GE(plan.tiles() * e.outputs * e.outputs, shape.batch * shape.out_height * shape.out_width);
      const size_t panels = (shape.columns + plan.tile.width - 1) / plan.tile.width;
      std::vector<int> times(plan.tiles() * panels);
      for (const WinogradTask& task : plan.tasks) {
        ASSERT_LE(task.tiles, plan.block_tiles);
        ASSERT_LE(task.first_tile + task.tiles, plan.tiles());
        ASSERT_LE(task.first_panel + task.panels, panels);
        for (size_t tile = task.first_tile; tile < task.first_tile + task.tiles; ++tile)
          for (size_t panel = task.first_panel; panel < task.first_panel + task.panels; ++panel)
            ++times[tile * panels + panel];
      }
      EXPECT_TRUE(std::ranges::all_of(times, [](int n) { return n == 1; }));
    }
  });
}

// What a task works on has to stay in second-level caches, and every thread has scratch of its own.
TEST(WinogradPlan, ScratchIsSmallWhateverTheChannels) {
  testing::ForEachSimdTarget([] {
    for (const WinogradVariant variant : kVariants)
      for (const size_t depth : {1, 3, 15, 17, 64, 65, 160, 512, 2048})
        for (const size_t columns : {1, 20, 64, 150, 2048})
          for (const size_t size : {1, 12, 64, 1024})
            for (const bool resident : {true, false})
              for (const size_t threads : {1, 2, 8}) {
                WinogradShape s;
                s.depth = depth;
                s.columns = columns;
                s.in_height = s.in_width = s.out_height = s.out_width = size;
                s.pad_top = s.pad_left = static_cast<ptrdiff_t>(ExtentsOf(variant).taps / 2);
                EXPECT_LE(MakeWinogradPlan(s, variant, {}, resident, threads).scratch_bytes(), size_t{4} << 20)
                    << Describe(s, variant, {}) << " resident " << resident << " threads " << threads;
              }
  });
}

}  // namespace
}  // namespace decal::cpu
