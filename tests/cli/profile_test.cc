// What a profile makes of times that are known.
// SPDX-License-Identifier: MIT
#include "cli/profile.h"

#include <gtest/gtest.h>

namespace decal::cli {
namespace {

StepInfo Step(const char* name, const char* algorithm, uint64_t multiply_adds) {
  StepInfo step;
  step.op = "Conv";
  step.name = name;
  step.algorithm = algorithm;
  step.multiply_adds = multiply_adds;
  return step;
}

TEST(Profile, MedianOfOddEvenAndNone) {
  EXPECT_EQ(Median({3, 1, 2}), 2);
  EXPECT_EQ(Median({4, 1, 3, 2}), 2.5);
  EXPECT_EQ(Median({}), 0);
}

TEST(Profile, MediansSharesAndRates) {
  Profile profile({Step("a", "slow", 3'000'000), Step("b", "quick", 0)});
  profile.Add({5, 1}, 7);
  profile.Add({6, 2}, 9);
  profile.Add({90, 2}, 93);  // an interruption: no median shows it
  const std::vector<Cost> costs = profile.StepCosts();
  ASSERT_EQ(costs.size(), 2u);
  EXPECT_EQ(costs[0].ms, 6);
  EXPECT_EQ(costs[1].ms, 2);
  EXPECT_DOUBLE_EQ(costs[0].share, 0.75);
  EXPECT_DOUBLE_EQ(costs[0].gflops(), 1);  // 6e6 operations in 6 ms
  EXPECT_EQ(costs[1].gflops(), 0);
  EXPECT_EQ(profile.runs(), 3u);
}

TEST(Profile, AlgorithmsAreSumsAndSortedByTime) {
  Profile profile({Step("a", "small", 10), Step("b", "large", 20), Step("c", "small", 30), Step("d", "large", 40)});
  profile.Add({1, 5, 2, 2}, 10);
  const std::vector<AlgorithmCost> sums = profile.ByAlgorithm();
  ASSERT_EQ(sums.size(), 2u);
  EXPECT_EQ(sums[0].algorithm, "large");
  EXPECT_EQ(sums[0].steps, 2u);
  EXPECT_EQ(sums[0].cost.ms, 7);
  EXPECT_DOUBLE_EQ(sums[0].cost.share, 0.7);
  EXPECT_EQ(sums[0].cost.multiply_adds, 60u);
  EXPECT_EQ(sums[1].cost.ms, 3);
  EXPECT_EQ(profile.Total().ms, 10);
  EXPECT_EQ(profile.Total().multiply_adds, 100u);
  EXPECT_DOUBLE_EQ(profile.Total().share, 1);
}

TEST(Profile, StepsTooShortToTimeHaveNoRate) {
  Profile profile({Step("a", "instant", 1000)});
  profile.Add({0}, 0);
  EXPECT_EQ(profile.StepCosts()[0].share, 0);
  EXPECT_EQ(profile.StepCosts()[0].gflops(), 0);
  EXPECT_NE(profile.ToText("1 thread").find("-  Conv"), std::string::npos);
}

}  // namespace
}  // namespace decal::cli
