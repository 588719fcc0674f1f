// Threads that survive fork and let Ctrl-C through, and the lock that makes one engine serve many Python threads.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <memory>
#include <mutex>

#include "decal/parallel.h"
#include "decal/session.h"

namespace decal::python {

// A thread pool made at its first use, and again in a child process: threads do not survive fork.
class Runner final : public ThreadRunner {
 public:
  // 0: one per core.
  explicit Runner(size_t threads);
  ~Runner() override;

  size_t thread_count() const override { return threads_; }
  // Between jobs, at most every 50 ms, lets Python handle signals; an exception of a handler sets `cancel`. Holds no GIL.
  void Run(size_t tasks, Task task, void* context) override;

  // The threads of the parent are not here: forget them without joining.
  void AfterForkInChild() { (void)pool_.release(); }
  // Which flag a signal sets while a run is under way.
  void WatchSignals(CancelFlag* cancel);

 private:
  void HandleSignals();

  const size_t threads_;
  std::unique_ptr<ThreadRunner> pool_;
  CancelFlag* cancel_ = nullptr;
  std::chrono::steady_clock::time_point last_look_{};
};

// What one call at a time may use. Objects are registered, so that a fork waits until none is in use: the child would otherwise
// find an engine in the middle of a run that never ends. No one waits for `mutex` with the GIL held.
class Shared {
 public:
  explicit Shared(size_t threads);
  virtual ~Shared();
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  std::mutex mutex;
  Runner runner;
};

// For os.register_at_fork: before takes every lock (without the GIL), the other two give them back.
void BeforeFork();
void AfterForkInParent();
void AfterForkInChild();

}  // namespace decal::python
