// Medians of a schedule's steps and the tables that show them.
// SPDX-License-Identifier: MIT
#include "cli/profile.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace decal::cli {
namespace {

// Below the resolution of the clock, a rate would be meaningless.
constexpr double kMeasurableMs = 1e-3;

// The row shows a layer's shapes, shortened so that a Concat of 64 tensors does not make every row as wide.
constexpr size_t kMaxRowShapes = 60;

std::string Rate(const Cost& cost) { return cost.gflops() > 0 ? fmt::format("{:.1f}", cost.gflops()) : "-"; }

std::string Columns(const Cost& cost) {
  return fmt::format("{:>9.3f}  {:>5.1f}%  {:>12}  {:>6}", cost.ms, 100 * cost.share, cost.multiply_adds, Rate(cost));
}

}  // namespace

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double Cost::gflops() const { return ms < kMeasurableMs ? 0 : 2e-6 * static_cast<double>(multiply_adds) / ms; }

void Profile::Add(const std::vector<double>& step_ms, double run_ms) {
  for (size_t i = 0; i < step_ms_.size() && i < step_ms.size(); ++i) step_ms_[i].push_back(step_ms[i]);
  run_ms_.push_back(run_ms);
}

std::vector<Cost> Profile::StepCosts() const {
  std::vector<Cost> costs;
  double total_ms = 0;
  for (size_t i = 0; i < steps_.size(); ++i) {
    costs.push_back({.ms = Median(step_ms_[i]), .multiply_adds = steps_[i].multiply_adds});
    total_ms += costs.back().ms;
  }
  if (total_ms > 0) {
    for (Cost& cost : costs) cost.share = cost.ms / total_ms;
  }
  return costs;
}

std::vector<AlgorithmCost> Profile::ByAlgorithm() const {
  std::map<std::string, AlgorithmCost> sums;
  const std::vector<Cost> costs = StepCosts();
  for (size_t i = 0; i < steps_.size(); ++i) {
    AlgorithmCost& sum = sums[steps_[i].algorithm];
    sum.algorithm = steps_[i].algorithm;
    ++sum.steps;
    sum.cost.ms += costs[i].ms;
    sum.cost.share += costs[i].share;
    sum.cost.multiply_adds += costs[i].multiply_adds;
  }
  std::vector<AlgorithmCost> sorted;
  sorted.reserve(sums.size());
  for (auto& [name, sum] : sums) sorted.push_back(std::move(sum));
  std::ranges::sort(sorted, std::ranges::greater{}, [](const AlgorithmCost& a) { return a.cost.ms; });
  return sorted;
}

Cost Profile::Total() const {
  Cost total;
  for (const Cost& cost : StepCosts()) {
    total.ms += cost.ms;
    total.share += cost.share;
    total.multiply_adds += cost.multiply_adds;
  }
  return total;
}

std::string Profile::ToText(std::string_view how) const {
  size_t op = 2, algorithm = 9, shapes = 6;
  for (const StepInfo& step : steps_) {
    op = std::max(op, step.op.size());
    algorithm = std::max(algorithm, step.algorithm.size());
    shapes = std::max(shapes, std::min(step.shapes.size(), kMaxRowShapes));
  }
  constexpr const char* kCosts = "       MS   SHARE      MUL-ADDS    GF/S";
  std::string text = fmt::format("{:>4}  {}  {:<{}}  {:<{}}  {:<{}}  NAME\n", "STEP", kCosts, "OP", op, "ALGORITHM",
                                 algorithm, "SHAPES", shapes);
  const std::vector<Cost> costs = StepCosts();
  for (size_t i = 0; i < steps_.size(); ++i) {
    const StepInfo& step = steps_[i];
    text += fmt::format("{:>4}  {}  {:<{}}  {:<{}}  {:<{}}  {}\n", i, Columns(costs[i]), step.op, op, step.algorithm,
                        algorithm, step.shapes, shapes, step.name);
  }
  text += fmt::format("\n{:>5}  {}  ALGORITHM\n", "STEPS", kCosts);
  for (const auto& [name, steps, cost] : ByAlgorithm()) {
    text += fmt::format("{:>5}  {}  {}\n", steps, Columns(cost), name);
  }
  text += fmt::format("{:>5}  {}  all\n", steps_.size(), Columns(Total()));
  const double fastest = run_ms_.empty() ? 0 : *std::ranges::min_element(run_ms_);
  text += fmt::format("\nMedians of {} run{}; a run takes {:.3f} ms, the fastest {:.3f} ({})\n", runs(),
                      runs() == 1 ? "" : "s", Median(run_ms_), fastest, how);
  return text;
}

}  // namespace decal::cli
