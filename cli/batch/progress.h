// Progress of a batch: a bar on a terminal, occasional lines elsewhere, and a summary by cause at the end.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace decal::cli {

// What happened so far.
struct BatchCounts {
  uint64_t done = 0;
  uint64_t skipped = 0;         // done before
  uint64_t failed = 0;          // now
  uint64_t failed_before = 0;   // and not tried again
  uint64_t empty = 0;           // done, and no subject found
  uint64_t seen() const { return done + skipped + failed + failed_before; }
};

class BatchProgress {
 public:
  explicit BatchProgress(bool quiet);

  // `share` of the list that is behind us, 0..1; less than 0: unknown. Prints at most ten times a second, or once a minute.
  void Show(const BatchCounts& counts, double share);
  // Before anything else is printed.
  void Clear();

  void Fail(const std::string& code, std::string_view picture, std::string_view message, uint64_t times = 1);
  void PrintSummary(const BatchCounts& counts);
  // {"done":1, ...,"causes":{"corrupt-image":2}}
  std::string SummaryJson(const BatchCounts& counts) const;

 private:
  struct Cause {
    uint64_t count = 0;
    std::string example;
  };
  using Clock = std::chrono::steady_clock;
  double Seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  bool terminal_, quiet_;
  Clock::time_point start_ = Clock::now(), shown_ = start_;
  double first_share_ = -1;  // when the first picture was worked on: what is skipped takes no time
  uint64_t first_worked_ = 0;
  double first_seconds_ = 0;
  std::map<std::string, Cause> causes_;
};

// "5 s", "12 min", "3 h 20 min".
std::string TimeText(double seconds);

}  // namespace decal::cli
