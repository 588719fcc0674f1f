// The server's metrics, in Prometheus's format.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "cli/report.h"

namespace decal::cli {

class Metrics {
 public:
  // `route`: one of the server's own paths, or "other"; `code`: of an error, or "ok".
  void CountRequest(const std::string& route, int status, const std::string& code, double seconds);
  void CountPicture(const Execution& execution, double wait_ms);

  struct Now {
    size_t queued = 0, places = 0, engine_bytes = 0;
    bool ready = false;
  };
  // Text format 0.0.4.
  std::string ToText(const Now& now) const;

 private:
  static constexpr std::array<double, 12> kBounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
  struct Histogram {
    std::array<uint64_t, kBounds.size() + 1> counts{};
    double sum = 0;
    void Add(double seconds);
  };

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::pair<int, std::string>>, uint64_t> requests_;
  std::map<std::string, Histogram> stages_;
  Histogram whole_;
};

// Bytes of this process's memory that are in use now; 0 if it cannot be known.
size_t ResidentBytes();

}  // namespace decal::cli
