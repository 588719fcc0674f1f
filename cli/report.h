// The command's output: result lines, JSON, errors and the progress bar.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "decal/parallel.h"
#include "decal/result.h"

namespace decal::cli {

// Milliseconds since construction or the last Lap.
class Stopwatch {
 public:
  double Lap();

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// How one picture was computed: the "execution" of a result, as in the npm package.
struct Execution {
  std::string simd;
  size_t threads = 1;
  std::string model;
  int passes = 1;     // 2 where the model saw the subject's surroundings again
  double load_ms = 0;  // model and plan: 0 where both could be kept from the picture before
  double decode_ms = 0, preprocess_ms = 0, inference_ms = 0, postprocess_ms = 0, encode_ms = 0;
  size_t memory_bytes = 0;  // of the session and the picture work

  double total_ms() const { return load_ms + decode_ms + preprocess_ms + inference_ms + postprocess_ms + encode_ms; }
  // {"provider":"native", ...}
  std::string ToJson() const;
  // "native cpu, AVX2, 2 threads, decal-default, fp32: 57 ms (load 12, ...), 31.2 MB"
  std::string ToText() const;
};

// "2 threads, AVX2".
std::string HowItRan(const ThreadRunner& runner);

// With quotes and escapes. Bytes that are no UTF-8, as file names may have them, become the text \xNN each.
std::string JsonString(std::string_view text);
std::string JsonStrings(const std::vector<std::string>& texts);

// The same error, with `where` starting with the file it happened in.
Error InFile(Error error, std::string_view file);

// Standard error by a descriptor of its own, unbuffered: while a decoder's library is kept quiet in one thread (quiet_stderr.h),
// another can still speak. Call it once before the first decoder runs.
std::FILE* Console();

// "decal: photo.jpg: not a picture we can decode (corrupt-image)" on standard error: one line, whatever the error says.
void PrintError(const Error& error);
// "decal: text" on standard error, one line.
void PrintLine(std::string text);

// Of the terminal that standard error is; 80 elsewhere.
size_t TerminalColumns();

// A bar on standard error, only if that is a terminal and there are several pictures; otherwise does nothing.
class ProgressBar {
 public:
  explicit ProgressBar(size_t total);
  ~ProgressBar() { Clear(); }

  bool visible() const { return visible_; }
  void Show(size_t done, std::string_view current);
  // Before anything else is printed.
  void Clear();

 private:
  size_t total_;
  bool visible_;
};

}  // namespace decal::cli
