// Counters and histograms.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/serve/metrics.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include <fmt/format.h>

#include "decal/version.h"

namespace decal::cli {

void Metrics::Histogram::Add(double seconds) {
  ++counts[static_cast<size_t>(std::ranges::lower_bound(kBounds, seconds) - kBounds.begin())];
  sum += seconds;
}

void Metrics::CountRequest(const std::string& route, int status, const std::string& code, double seconds) {
  const std::lock_guard lock(mutex_);
  ++requests_[{route, {status, code}}];
  whole_.Add(seconds);
}

void Metrics::CountPicture(const Execution& execution, double wait_ms) {
  const std::lock_guard lock(mutex_);
  stages_["wait"].Add(wait_ms / 1e3);
  stages_["decode"].Add(execution.decode_ms / 1e3);
  stages_["preprocess"].Add(execution.preprocess_ms / 1e3);
  stages_["inference"].Add(execution.inference_ms / 1e3);
  stages_["postprocess"].Add(execution.postprocess_ms / 1e3);
  stages_["encode"].Add(execution.encode_ms / 1e3);
}

std::string Metrics::ToText(const Now& now) const {
  std::string text;
  const auto head = [&](const char* name, const char* type, const char* help) {
    text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  };
  const auto histogram = [&](const char* name, const std::string& label, const Histogram& values) {
    uint64_t below = 0;
    for (size_t i = 0; i < kBounds.size(); ++i) {
      below += values.counts[i];
      text += fmt::format("{}_bucket{{{}le=\"{}\"}} {}\n", name, label, kBounds[i], below);
    }
    below += values.counts.back();
    text += fmt::format("{}_bucket{{{}le=\"+Inf\"}} {}\n", name, label, below);
    const std::string labels = label.empty() ? "" : "{" + label.substr(0, label.size() - 1) + "}";
    text += fmt::format("{}_sum{} {}\n{}_count{} {}\n", name, labels, values.sum, name, labels, below);
  };
  const std::lock_guard lock(mutex_);
  head("decal_build_info", "gauge", "The version that runs.");
  text += fmt::format("decal_build_info{{version=\"{}\"}} 1\n", Version());
  head("decal_requests_total", "counter", "Requests by route, status and error code.");
  for (const auto& [key, count] : requests_) {
    text += fmt::format("decal_requests_total{{route=\"{}\",status=\"{}\",code=\"{}\"}} {}\n", key.first,
                        key.second.first, key.second.second, count);
  }
  head("decal_request_seconds", "histogram", "From a request's first byte to the end of its answer.");
  histogram("decal_request_seconds", "", whole_);
  head("decal_stage_seconds", "histogram", "Seconds of each stage of a picture that was done.");
  for (const auto& [stage, values] : stages_)
    histogram("decal_stage_seconds", fmt::format("stage=\"{}\",", stage), values);
  head("decal_queue_requests", "gauge", "Requests admitted and not answered.");
  text += fmt::format("decal_queue_requests {}\n", now.queued);
  head("decal_queue_places", "gauge", "The most of them; more are answered 503.");
  text += fmt::format("decal_queue_places {}\n", now.places);
  head("decal_ready", "gauge", "1 if /readyz says so.");
  text += fmt::format("decal_ready {}\n", now.ready ? 1 : 0);
  head("decal_models_bytes", "gauge", "Memory of all sessions.");
  text += fmt::format("decal_models_bytes {}\n", now.engine_bytes);
  head("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.");
  text += fmt::format("process_resident_memory_bytes {}\n", ResidentBytes());
  return text;
}

size_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  size_t size = 0, resident = 0;
  file >> size >> resident;
  return file ? resident * static_cast<size_t>(sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace decal::cli
