// A model's profile: the steps of a schedule, timed over several runs.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "decal/session.h"

namespace decal::cli {

// The middle value, or the mean of the two in the middle; 0 of none.
double Median(std::vector<double> values);

// Work and time of one step, or of several together.
struct Cost {
  double ms = 0;
  double share = 0;  // of the time of all steps, 0..1
  uint64_t multiply_adds = 0;

  // Billions of operations per second, two per MAC; 0 without MACs or a measurable time.
  double gflops() const;
};

// The steps of one algorithm.
struct AlgorithmCost {
  std::string algorithm;
  size_t steps = 0;
  Cost cost;
};

class Profile {
 public:
  explicit Profile(std::vector<StepInfo> steps) : steps_(std::move(steps)), step_ms_(steps_.size()) {}

  // One run: the time of each step, as Session::Run reports it, and of the whole.
  void Add(const std::vector<double>& step_ms, double run_ms);

  size_t runs() const { return run_ms_.size(); }
  const std::vector<StepInfo>& steps() const { return steps_; }
  const std::vector<double>& run_ms() const { return run_ms_; }

  // Medians over the runs, in the order of the schedule. The medians of the steps need not add up to that of the runs.
  std::vector<Cost> StepCosts() const;
  // Sums of StepCosts, the most expensive first.
  std::vector<AlgorithmCost> ByAlgorithm() const;
  Cost Total() const;

  // Tables of the steps and of the algorithms. `how` says in a few words what ran: "2 threads, AVX2".
  std::string ToText(std::string_view how) const;

 private:
  std::vector<StepInfo> steps_;
  std::vector<std::vector<double>> step_ms_;  // by step, then by run
  std::vector<double> run_ms_;
};

}  // namespace decal::cli
