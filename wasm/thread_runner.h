// Threads of the WebAssembly module: every worker runs this same code on the same shared memory.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "decal/parallel.h"

namespace decal {

// A ThreadRunner whose threads are instances of the module in other workers. The constructing thread is
// thread 0; a worker takes part from the moment it enters WorkerMain, so one that never starts costs nothing.
class WorkerRunner final : public ThreadRunner {
 public:
  static constexpr size_t kStackBytes = 256 << 10;

  // Allocates the workers' stacks for 1 to limits::kMostThreads threads; false if memory is out. Once.
  bool Init(size_t threads);
  // The end (stacks grow down) of worker `index`'s stack.
  uintptr_t stack_pointer(size_t index) const;
  uint32_t workers_ready() const { return ready_.load(std::memory_order_acquire); }
  void WorkerMain(size_t index);
  // A worker died in the middle of a task, so that no task can finish any more.
  void WorkerFailed();
  void Stop();

  size_t thread_count() const override { return threads_; }
  void Run(size_t tasks, Task task, void* context) override;

 private:
  bool TakeOne(size_t thread);
  void RunAll(size_t thread);
  void WaitForWork();

  size_t threads_ = 1;
  std::byte* stacks_ = nullptr;

  // The current job. Whoever takes a task by lowering `remaining_` may read these until it has lowered
  // `unfinished_`: the job cannot end, and so they cannot change, before that.
  Task task_ = nullptr;
  void* context_ = nullptr;
  uint32_t tasks_ = 0;

  // Each on a cache line of its own, because all threads modify them.
  alignas(64) std::atomic<uint32_t> remaining_ = 0;   // tasks not taken yet, or kStopping; a futex
  alignas(64) std::atomic<uint32_t> unfinished_ = 0;  // tasks not finished; a futex
  uint32_t taken_in_front_ = 0;                    // by the caller
  std::atomic<uint32_t> taken_behind_ = 0;         // by workers
  alignas(64) std::atomic<uint32_t> sleepers_ = 0;    // workers in, or about to enter, the futex
  std::atomic<uint32_t> ready_ = 0;
  std::atomic<bool> failed_ = false;
};

}  // namespace decal
