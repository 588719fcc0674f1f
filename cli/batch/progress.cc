// Rates and remaining times of batches.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/batch/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cli/json_object.h"
#include "cli/report.h"

namespace decal::cli {
namespace {

using namespace std::chrono_literals;
constexpr auto kTerminalInterval = 100ms;
constexpr auto kLogInterval = 60s;
constexpr size_t kBatchBarWidth = 24;
// Before that many seconds of work a rate says little.
constexpr double kRateSeconds = 1;

}  // namespace

std::string TimeText(double seconds) {
  const auto whole = static_cast<uint64_t>(std::llround(std::max(0.0, seconds)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  if (whole < 48 * 3600) return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
  return fmt::format("{} days {} h", whole / 86400, whole / 3600 % 24);
}

BatchProgress::BatchProgress(bool quiet) : terminal_(!quiet && isatty(STDERR_FILENO) != 0), quiet_(quiet) {}

void BatchProgress::Show(const BatchCounts& counts, double share) {
  const uint64_t worked = counts.done + counts.failed;
  if (worked > 0 && first_share_ < 0) {
    first_share_ = std::max(share, 0.0);
    first_worked_ = worked;
    first_seconds_ = Seconds();
  }
  const auto now = Clock::now();
  if (quiet_ || (now - shown_ < kLogInterval && !terminal_) || now - shown_ < kTerminalInterval) return;
  shown_ = now;
  const double seconds = Seconds() - first_seconds_;
  std::string line = fmt::format("{} done", counts.done + counts.skipped);
  if (const uint64_t failed = counts.failed + counts.failed_before; failed > 0)
    line += fmt::format(", {} failed", failed);
  if (first_share_ >= 0 && seconds >= kRateSeconds) {
    line += fmt::format(", {:.1f}/s", static_cast<double>(worked - first_worked_) / seconds);
    if (share > first_share_)
      line += fmt::format(", {} left", TimeText(seconds * (1 - share) / (share - first_share_)));
  }
  if (!terminal_) return PrintLine(line);
  if (share >= 0) {
    const size_t filled = static_cast<size_t>(static_cast<double>(kBatchBarWidth) * std::min(share, 1.0));
    line = fmt::format("[{:#<{}}{:.<{}}] {:.0f} %  {}", "", filled, "", kBatchBarWidth - filled,
                       100 * std::min(share, 1.0), line);
  }
  const size_t room = TerminalColumns() - 1;
  fmt::print(Console(), "\r\033[K{}", line.substr(0, room));
}

void BatchProgress::Clear() {
  if (terminal_) fmt::print(Console(), "\r\033[K");
}

void BatchProgress::Fail(const std::string& code, std::string_view picture, std::string_view message, uint64_t times) {
  Cause& cause = causes_[code];
  if (cause.count == 0)
    cause.example = picture.empty() ? std::string(message) : fmt::format("{}: {}", picture, message);
  cause.count += times;
}

void BatchProgress::PrintSummary(const BatchCounts& counts) {
  const double seconds = Seconds();
  std::string line = fmt::format("{} done", counts.done);
  if (counts.skipped > 0) line += fmt::format(", {} done before", counts.skipped);
  if (counts.failed > 0) line += fmt::format(", {} failed", counts.failed);
  if (counts.failed_before > 0)
    line += fmt::format(", {} failed before (--retry-failed tries them again)", counts.failed_before);
  if (counts.empty > 0) line += fmt::format(", {} without a subject", counts.empty);
  line += fmt::format(" in {}", TimeText(seconds));
  if (counts.done > 0 && seconds > 0) line += fmt::format(" ({:.1f}/s)", static_cast<double>(counts.done) / seconds);
  PrintLine(line);
  std::vector<std::pair<std::string, Cause>> causes(causes_.begin(), causes_.end());
  std::ranges::stable_sort(causes, [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
  for (const auto& [code, cause] : causes)
    PrintLine(fmt::format("  {} {}, such as {}", cause.count, code, cause.example));
}

std::string BatchProgress::SummaryJson(const BatchCounts& counts) const {
  JsonObject causes;
  for (const auto& [code, cause] : causes_) causes.Add(code, cause.count);
  return JsonObject()
      .Add("done", counts.done)
      .Add("doneBefore", counts.skipped)
      .Add("failed", counts.failed)
      .Add("failedBefore", counts.failed_before)
      .Add("empty", counts.empty)
      .AddDecimal("seconds", Seconds(), 3)
      .AddRaw("causes", causes.ToString())
      .ToString();
}

}  // namespace decal::cli
