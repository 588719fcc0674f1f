// Activations: every vector form, on every compiled target, against the scalar definition.
// SPDX-License-Identifier: MIT
#include "engine/cpu/simd/activation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/simd_targets.h"

namespace decal::cpu {
namespace {

constexpr Activation kLast = Activation::kClip;

std::vector<float> Arguments() {
  std::vector<float> x;
  for (int i = 0; i < 5930; ++i) x.push_back(-110.0f + 0.0371f * static_cast<float>(i));   // to 110
  for (int i = 0; i < 10620; ++i) x.push_back(-6.0f + 0.00113f * static_cast<float>(i));  // to 6
  for (int i = 0; i < 89; ++i) {  // up to 9e37
    const auto v = static_cast<float>(1e-38 * std::pow(7.3, i));
    x.insert(x.end(), {v, -v});
  }
  const float infinity = std::numeric_limits<float>::infinity();
  x.insert(x.end(), {0.0f, -0.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 88.7f, -87.4f, infinity, -infinity,
                     std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::denorm_min()});
  return x;
}

// What rounding an argument or an intermediate of size 1 may cost: see ActivateRun.
double Magnitude(Activation kind, float x, float expected) {
  const double value = std::fabs(double{expected});
  if (kind == Activation::kGelu) return std::max<double>(value, std::fabs(x));
  if (kind == Activation::kHardSigmoid || kind == Activation::kHardSwish) return value + std::fabs(x) + 1;
  // 1 / (1 + e^-x) of a sum that overflows in float is 0, where the specification has a denormal.
  if (kind == Activation::kSigmoid) return std::max(value, 1.2e-32);
  if (kind == Activation::kGeluTanh) return std::max<double>(value, std::fabs(x));
  return std::max(value, 1e-37);  // denormal intermediates lose digits
}

TEST(Activation, VectorFormsMatchTheScalarOne) {
  const std::vector<float> x = Arguments();
  decal::testing::ForEachSimdTarget([&] {
    for (int k = 0; k <= static_cast<int>(kLast); ++k) {
      const ActivationParams activation{static_cast<Activation>(k), 0.3f, 0.7f};
      std::vector<float> y(x.size());
      ActivateRun(activation, x.data(), y.data(), x.size());
      for (size_t i = 0; i < x.size(); ++i) {
        const auto expected = static_cast<float>(ApplyActivation(activation, x[i]));
        if (std::isnan(expected)) {
          ASSERT_TRUE(std::isnan(y[i])) << "kind " << k << " at " << x[i];
        } else if (y[i] != expected) {
          ASSERT_NEAR(y[i], expected, 1e-6 * Magnitude(activation.kind, x[i], expected))
              << "kind " << k << " at " << x[i];
        }
      }
    }
  });
}

TEST(Activation, RunsOfAnyLengthTouchNothingElse) {
  decal::testing::ForEachSimdTarget([] {
    for (size_t n = 0; n < 40; ++n) {
      std::vector<float> values(n + 1, -1.0f);
      ActivateRun({Activation::kAbs}, values.data(), values.data(), n);
      for (size_t i = 0; i < n; ++i) ASSERT_EQ(values[i], 1.0f);
      ASSERT_EQ(values[n], -1.0f);
    }
  });
}

TEST(Activation, HandComputed) {
  EXPECT_EQ(ApplyActivation({Activation::kClip, -1, 2}, 5), 2);
  EXPECT_EQ(ApplyActivation({Activation::kRound}, 2.5f), 2);
  EXPECT_EQ(ApplyActivation({Activation::kLeakyRelu, 0.1f}, -2), -0.2f);
  EXPECT_EQ(ApplyActivation({Activation::kHardSwish}, 3), 3);
  EXPECT_EQ(ApplyActivation({Activation::kHardSwish}, -3), 0);
  EXPECT_NEAR(ApplyActivation({Activation::kSigmoid}, 0), 0.5f, 1e-7);
  EXPECT_NEAR(ApplyActivation({Activation::kGelu}, 1), 0.8413447f, 1e-6);
}

}  // namespace
}  // namespace decal::cpu
