// A worker process of a batch: if a picture kills it, other pictures are not affected.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "cli/batch/message.h"
#include "cli/options.h"

namespace decal::cli {

// So many jobs a worker may have: one being decoded, one in the network, one being written, and one that waits.
inline constexpr size_t kJobsOfWorker = 4;

// A worker as the process that hands out pictures sees it.
class Worker {
 public:
  // Forks. The calling process has one thread alone. Errors: kIo.
  static Result<std::unique_ptr<Worker>> Start(const BatchOptions& options, const std::string& options_hash);
  // Kills the process if it still runs.
  ~Worker();

  bool Send(WorkerJob job);
  MessagePipe& replies() { return replies_; }
  // What was sent and not answered yet.
  std::deque<WorkerJob>& jobs() { return jobs_; }
  bool ready = false;
  bool alone = false;  // its job is one that a worker died of

  // Asks it to end when what it has begun is done; it forgets the rest.
  void Stop();
  // After its end: "signal 9 (Killed)", "exit status 1".
  std::string Reap();

 private:
  Worker(pid_t pid, int to, int from) : pid_(pid), to_(to), replies_(from) {}
  pid_t pid_;
  MessagePipe to_;
  MessagePipe replies_;
  std::deque<WorkerJob> jobs_;
};

}  // namespace decal::cli
