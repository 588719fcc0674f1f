// Text for people on standard error, JSON for machines.
// SPDX-License-Identifier: MIT
#include "cli/report.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "cli/json_object.h"
#include "decal/version.h"

namespace decal::cli {
namespace {

constexpr size_t kBarWidth = 24;

// Bytes of the character that `text` begins with, 2 to 4; 0 if they are no UTF-8 (RFC 3629: the shortest form, no surrogates).
size_t Utf8Size(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(text[i])); };
  const unsigned first = byte(0);
  const size_t size = first >= 0xc2 && first < 0xe0   ? 2
                      : first >= 0xe0 && first < 0xf0 ? 3
                      : first >= 0xf0 && first < 0xf5 ? 4
                                                      : 0;
  if (size == 0 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  const bool refused = (first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
                       (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90);
  return refused ? 0 : size;
}

}  // namespace

size_t TerminalColumns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

double Stopwatch::Lap() {
  const auto now = std::chrono::steady_clock::now();
  const double ms = std::chrono::duration<double, std::milli>(now - start_).count();
  start_ = now;
  return ms;
}

std::string Execution::ToJson() const {
  const std::string ms = JsonObject()
                             .AddDecimal(keys::kLoad, load_ms, 2)
                             .AddDecimal(keys::kDecode, decode_ms, 2)
                             .AddDecimal(keys::kPreprocess, preprocess_ms, 2)
                             .AddDecimal(keys::kInference, inference_ms, 2)
                             .AddDecimal(keys::kPostprocess, postprocess_ms, 2)
                             .AddDecimal(keys::kEncode, encode_ms, 2)
                             .ToString();
  return JsonObject()
      .Add(keys::kProvider, "native")
      .Add(keys::kDtype, "fp32")
      .Add(keys::kThreads, threads)
      .Add(keys::kSimd, simd)
      .Add(keys::kModel, model)
      .Add(keys::kPasses, passes)
      .AddRaw(keys::kMs, ms)
      .Add(keys::kMemoryBytes, memory_bytes)
      .ToString();
}

std::string Execution::ToText() const {
  return fmt::format(
      "native cpu, {}, {} thread{}, {}, fp32{}: {:.0f} ms (load {:.1f}, decode {:.1f}, preprocess {:.1f}, "
      "inference {:.1f}, postprocess {:.1f}, encode {:.1f}), {:.1f} MB",
      simd, threads, threads == 1 ? "" : "s", model, passes == 2 ? ", 2 passes" : "", total_ms(), load_ms, decode_ms,
      preprocess_ms, inference_ms, postprocess_ms, encode_ms, static_cast<double>(memory_bytes) / 1e6);
}

std::string HowItRan(const ThreadRunner& runner) {
  const size_t threads = runner.thread_count();
  return fmt::format("{} thread{}, {}", threads, threads == 1 ? "" : "s", SimdTarget());
}

std::string JsonString(std::string_view text) {
  std::string json = "\"";
  while (!text.empty()) {
    const char c = text.front();
    size_t size = 1;
    if (c == '"' || c == '\\') {
      json += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      json += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else if (static_cast<unsigned char>(c) < 0x80) {
      json += c;
    } else if (size = Utf8Size(text); size > 0) {
      json += text.substr(0, size);
    } else {
      json += fmt::format("\\\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
      size = 1;
    }
    text.remove_prefix(size);
  }
  return json + '"';
}

std::string JsonStrings(const std::vector<std::string>& texts) {
  std::string json = "[";
  for (const std::string& text : texts) json += (json.size() > 1 ? "," : "") + JsonString(text);
  return json + "]";
}

Error InFile(Error error, std::string_view file) {
  if (error.where.empty()) {
    error.where = file;
  } else if (!error.where.starts_with(file)) {
    error.where = fmt::format("{}: {}", file, error.where);
  }
  return error;
}

std::FILE* Console() {
  static std::FILE* const stream = [] {
    const int descriptor = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    std::FILE* own = descriptor >= 0 ? fdopen(descriptor, "w") : nullptr;
    if (own == nullptr) return stderr;
    std::setvbuf(own, nullptr, _IONBF, 0);
    return own;
  }();
  return stream;
}

void PrintError(const Error& error) { PrintLine(error.ToString()); }

void PrintLine(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  fmt::print(Console(), "decal: {}\n", text);
}

ProgressBar::ProgressBar(size_t total) : total_(total), visible_(total > 1 && isatty(STDERR_FILENO)) {}

void ProgressBar::Show(size_t done, std::string_view current) {
  if (!visible_) return;
  const size_t filled = kBarWidth * done / total_;
  std::string line = fmt::format("[{:#<{}}{:.<{}}] {}/{} ", "", filled, "", kBarWidth - filled, done, total_);
  // A line that wraps could not be overwritten.
  const size_t room = std::max(TerminalColumns(), line.size() + 1) - line.size() - 1;
  line += current.substr(0, room);
  fmt::print(Console(), "\r\033[K{}", line);
}

void ProgressBar::Clear() {
  if (visible_) fmt::print(Console(), "\r\033[K");
}

}  // namespace decal::cli
